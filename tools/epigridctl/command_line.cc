#include "tools/epigridctl/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/config/command_line.h"
#include "tools/epigridctl/call_command.h"
#include "tools/epigridctl/error_text.h"
#include "tools/epigridctl/import_command.h"
#include "tools/epigridctl/operations_commands.h"
#include "tools/epigridctl/text.h"

namespace epigrid::ctl {
namespace {

using Environment = std::function<std::string(const std::string&)>;
using Command = std::function<Result<ExitCode>(const Servers&)>;

constexpr char kFooter[] =
    "Exit codes: 0 done; 1 a call failed; 2 the command line is wrong; 3 done in part: rows were "
    "rejected, or something is not well; 130 stopped.\n"
    "Environment: EPIGRID_SERVER (addresses, parted by commas) and EPIGRID_TOKEN stand for "
    "--server and --token.";

// As CLI::PositiveNumber, which names the largest double to people.
const CLI::Validator kAboveZero(
    [](const std::string& text) {
      double number = 0;
      if (CLI::detail::lexical_cast(text, number) && number <= 0) return "must be above 0: " + text;
      return std::string();
    },
    "above 0");

// What all commands have in common.
struct CommonFlags {
  ServerOptions server;
  std::string token_file;
  std::string timeout;
  bool json = false;

  // Once they are complete: what was given, or else this.
  Duration TimeoutOr(Duration otherwise) const {
    return timeout.empty() ? otherwise : server.timeout;
  }
};

void AddCommon(CLI::App& app, CommonFlags& flags) {
  app.add_option("--server", flags.server.servers,
                 "HOST:PORT of the servers, or SERVICE=HOST:PORT of one service; may be given "
                 "often; default 127.0.0.1:50051")
      ->delimiter(',')
      ->allow_extra_args(false);
  CLI::Option* token =
      app.add_option("--token", flags.server.token, "Shown to the servers; others see it in `ps`");
  app.add_option("--token-file", flags.token_file, "File that holds the token")->excludes(token);
  app.add_option("--tls-ca", flags.server.tls_ca, "Certificates to trust, PEM; speaks TLS");
  app.add_option("--tls-cert", flags.server.tls_certificate, "Own certificate, PEM");
  app.add_option("--tls-key", flags.server.tls_key, "Its key, PEM");
  app.add_flag("--insecure", flags.server.insecure, "Send the token to other machines without TLS");
  app.add_option("--timeout", flags.timeout, "Of a call, such as 500ms, 30s, 5m; default 30s");
  app.add_flag("--json", flags.json, "Print for programs");
}

Result<std::string> ReadToken(const std::string& path) {
  EPIGRID_ASSIGN_OR_RETURN(std::string token, ReadFile(path));
  token.erase(token.find_last_not_of(" \r\n\t") + 1);
  return token;
}

Status Complete(CommonFlags& flags, const Environment& environment) {
  if (flags.server.servers.empty()) {
    std::istringstream addresses(environment("EPIGRID_SERVER"));
    for (std::string one; std::getline(addresses, one, ',');) flags.server.servers.push_back(one);
  }
  if (!flags.token_file.empty()) {
    EPIGRID_ASSIGN_OR_RETURN(flags.server.token, ReadToken(flags.token_file));
  }
  if (flags.server.token.empty()) flags.server.token = environment("EPIGRID_TOKEN");
  if (flags.timeout.empty()) return OkStatus();
  EPIGRID_ASSIGN_OR_RETURN(flags.server.timeout, ParsePositiveDuration(flags.timeout));
  return OkStatus();
}

// The commands' own flags. One of them sets `run`.
struct Commands {
  const Console& console;
  const CommonFlags& common;
  Command run;
  std::string method;
  std::string request;
  std::string type;
  StatusOptions status;
  std::string age;
  std::string service;
  std::string entity;
  RebuildOptions rebuild;
  LogTailOptions log;
  uint32_t shard = 0;
  uint64_t offset = 0;
  ImportOptions import;
  std::string give_up_after;
};

Result<ExitCode> Done(const Status& status) {
  EPIGRID_RETURN_IF_ERROR(status);
  return ExitCode::kOk;
}

void AddCalls(CLI::App& app, Commands& c) {
  CLI::App* call = app.add_subcommand("call", "Call any method; without one: list them");
  call->add_option("method", c.method, "Such as identity.GetPerson, or its full name");
  call->add_option("request", c.request, "JSON, @FILE, or - for standard input");
  call->callback([&c] {
    c.run = [&c](const Servers& servers) {
      if (c.method.empty()) return Done(ListMethods(servers, c.console));
      return Done(CallMethod(servers, c.method, c.request, c.console));
    };
  });
  CLI::App* describe = app.add_subcommand("describe", "Show a message, enum, service or method");
  describe->add_option("type", c.type, "Its name")->required();
  describe->callback([&c] {
    c.run = [&c](const Servers& servers) { return Done(DescribeType(servers, c.type, c.console)); };
  });
}

void AddStatus(CLI::App& app, Commands& c) {
  CLI::App* status = app.add_subcommand("status", "How the services' shards are");
  status->add_option("service", c.status.service, "Only this one");
  status->add_flag("--all", c.status.all, "Also shards that are well");
  status->add_option("--age", c.age, "From when on a shard that is behind is not well; default 5s");
  status->callback([&c] {
    c.run = [&c](const Servers& servers) -> Result<ExitCode> {
      if (!c.age.empty()) {
        EPIGRID_ASSIGN_OR_RETURN(c.status.age_max, ParsePositiveDuration(c.age));
      }
      return ShowStatus(servers, c.status, c.console);
    };
  });
  CLI::App* digests = app.add_subcommand(
      "digests", "What the views hold, as one digest a shard, at most --timeout, default 10m");
  digests->add_option("service", c.service, "Only this one");
  digests->callback([&c] {
    c.run = [&c](const Servers& servers) {
      // As long as the servers let it take.
      return ShowDigests(servers, c.service, c.common.TimeoutOr(std::chrono::minutes(10)),
                         c.console);
    };
  });
  CLI::App* rebuild = app.add_subcommand("rebuild", "Build views anew from the log");
  rebuild->add_option("service", c.rebuild.service, "Which")->required();
  rebuild->add_option("--shard", c.rebuild.shards, "Which; may be given often; default all");
  rebuild->add_flag("--wait", c.rebuild.wait,
                    "Until they are in use; at most --timeout, if it is given");
  rebuild->callback([&c] {
    c.run = [&c](const Servers& servers) {
      c.rebuild.wait_at_most = c.common.TimeoutOr(Duration(0));
      return Rebuild(servers, c.rebuild, c.console);
    };
  });
}

void AddLog(CLI::App& app, Commands& c) {
  CLI::App* log = app.add_subcommand("log", "Look at the log")->require_subcommand(1);
  CLI::App* tail = log->add_subcommand("tail", "The last records of a shard of a topic");
  tail->add_option("topic", c.log.topic, "Such as health_code.inbox")->required();
  tail->add_option("shard", c.log.shard, "Number, from 0")->required();
  tail->add_option("-n", c.log.count, "How many, 1 to 1,000; default 10")
      ->check(CLI::Range(1, 1000));
  tail->add_option("--from", c.log.from, "From this offset on, instead of the last ones")
      ->check(kAboveZero);
  tail->add_flag("--follow,-f", c.log.follow, "Go on until Ctrl-C");
  tail->callback([&c] {
    c.run = [&c](const Servers& servers) { return TailLog(servers, c.log, c.console); };
  });
  CLI::App* parked =
      app.add_subcommand("parked", "Records that could not be folded")->require_subcommand(1);
  CLI::App* list = parked->add_subcommand("list", "List them");
  list->add_option("service", c.service, "Only this one");
  list->callback([&c] {
    c.run = [&c](const Servers& servers) { return ListParked(servers, c.service, c.console); };
  });
  CLI::App* retry = parked->add_subcommand(
      "retry", "Have one folded again, and wait until it is, at most --timeout");
  retry->add_option("service", c.service, "Which")->required();
  retry->add_option("shard", c.shard, "Number, from 0")->required();
  retry->add_option("offset", c.offset, "In that shard's inbox")->required();
  retry->callback([&c] {
    c.run = [&c](const Servers& servers) {
      return RetryParked(servers, c.service, c.shard, c.offset, c.console);
    };
  });
  CLI::App* ignored =
      app.add_subcommand("ignored", "Events that had no effect")->require_subcommand(1);
  CLI::App* ignored_list =
      ignored->add_subcommand("list", "List them: of each shard of a service the last 64");
  ignored_list->add_option("service", c.service, "Only this one");
  ignored_list->add_option("--entity", c.entity, "Only what concerns this id");
  ignored_list->callback([&c] {
    c.run = [&c](const Servers& servers) {
      return ListIgnored(servers, c.service, c.entity, c.console);
    };
  });
  app.add_subcommand("quiesce", "Wait until nothing is left to be done, at most --timeout")
      ->callback([&c] {
        c.run = [&c](const Servers& servers) {
          return AwaitQuiet(servers, c.common.TimeoutOr(std::chrono::minutes(1)), c.console);
        };
      });
}

void AddImport(CLI::App& app, Commands& c) {
  CLI::App* import =
      app.add_subcommand("import", "Send files of people, settings, presence and tests");
  import->add_option("files", c.import.files, ".csv or .tsv, with or without .gz")->required();
  import->add_option("--state", c.import.state, "Where people's ids and places in files are kept")
      ->capture_default_str();
  import->add_option("--source", c.import.source, "Who tells it")->capture_default_str();
  import->add_option("--rejects", c.import.rejects,
                     "Directory for reject files; default: beside each file");
  import->add_option("--batch", c.import.batch_rows, "Rows in a call; default: the service's most");
  import->add_option("--in-flight", c.import.in_flight, "Batches at once")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  import->add_option("--rate", c.import.rows_per_second, "At most so many rows a second")
      ->check(kAboveZero);
  import->add_option("--give-up-after", c.give_up_after,
                     "How long a call is made again that fails; default 5m");
  import->add_flag("--again", c.import.again, "Also files that were imported already");
  import->add_flag("--dry-run", c.import.dry_run, "Only check the files");
  import->callback([&c] {
    c.run = [&c](const Servers& servers) -> Result<ExitCode> {
      if (!c.give_up_after.empty()) {
        EPIGRID_ASSIGN_OR_RETURN(c.import.give_up_after, ParsePositiveDuration(c.give_up_after));
      }
      return Import(servers, c.import, c.console);
    };
  });
}

// What options say is wrong, which their parser could not see.
bool IsOfCommandLine(const Status& status) {
  if (status.metadata().contains("server")) return false;  // a server's answer
  constexpr std::array<std::string_view, 5> kReasons = {
      "DURATION_MALFORMED", "REJECT_FILES_COLLIDE", "SERVER_MALFORMED", "SOURCE_MALFORMED",
      "TLS_OPTIONS_INCOMPLETE"};
  return std::ranges::find(kReasons, status.reason()) != kReasons.end();
}

Result<ExitCode> Run(CommonFlags& flags, const Environment& environment, const Command& run) {
  EPIGRID_RETURN_IF_ERROR(Complete(flags, environment));
  EPIGRID_ASSIGN_OR_RETURN(const Servers servers, Servers::Create(flags.server));
  return run(servers);
}

ExitCode UsageError(const CLI::App& app, const CLI::Error& error, Console& console) {
  return app.exit(error, console.out, console.err) == 0 ? ExitCode::kOk : ExitCode::kUsage;
}

}  // namespace

ExitCode RunCommandLine(const std::vector<std::string>& arguments, const Environment& environment,
                        Console& console) {
  CLI::App app("Epigrid's tool for operators and for who brings in data.", "epigridctl");
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(kFooter);
  CommonFlags flags;
  Commands commands{.console = console, .common = flags};
  AddCommon(app, flags);
  AddCalls(app, commands);
  AddImport(app, commands);
  AddStatus(app, commands);
  AddLog(app, commands);
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::RequiredError& error) {
    // What is there instead of a command says more than that one is required.
    const std::vector<std::string> unknown = app.remaining(/*recurse=*/true);
    if (unknown.empty()) return UsageError(app, error, console);
    return UsageError(app, CLI::ExtrasError("epigridctl", unknown), console);
  } catch (const CLI::ParseError& error) {
    return UsageError(app, error, console);
  }
  console.json = flags.json;
  const Result<ExitCode> result = Run(flags, environment, commands.run);
  if (result.ok()) return *result;
  if (console.json) {
    console.err << ErrorJson(result.status()).dump(2) << "\n";
  } else {
    console.err << "epigridctl: " << FormatError(result.status());
  }
  return IsOfCommandLine(result.status()) ? ExitCode::kUsage : ExitCode::kFailed;
}

}  // namespace epigrid::ctl
