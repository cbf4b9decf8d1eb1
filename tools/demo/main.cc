// epigrid-demo: receives the messages of a demonstration and tells the main job on imported data.
#include <fmt/format.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <fstream>

#include "tools/demo/story.h"

namespace epigrid::demo {
namespace {

struct Flags {
  Flags() { story.server = "127.0.0.1:50051"; }

  uint16_t webhook_port = 0;
  StoryOptions story;
};

Status Run(const Flags& flags) {
  std::string token;
  if (!flags.story.token_file.empty()) {
    std::ifstream file(flags.story.token_file);
    if (!std::getline(file, token)) {
      return NotFound("TOKEN_UNREADABLE", "cannot read a token from " + flags.story.token_file);
    }
  }
  EPIGRID_ASSIGN_OR_RETURN(const auto receiver, Receiver::Start(flags.webhook_port));
  Backend backend(flags.story.server, std::move(token));
  EPIGRID_RETURN_IF_ERROR(Story(backend, *receiver, flags.story).Tell());
  // The phones go on receiving until the demonstration is stopped.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  fmt::print("\n");
  std::fflush(stdout);
  int received = 0;
  sigwait(&ends, &received);
  return OkStatus();
}

}  // namespace
}  // namespace epigrid::demo

int main(int argc, char** argv) {
  CLI::App app("Receives the messages of a demonstration and tells the main job on imported data.");
  epigrid::demo::Flags flags;
  app.add_option("directory", flags.story.directory, "The city's import files")->required();
  app.add_option("--server", flags.story.server, "host:port of epigrid-dev")->capture_default_str();
  app.add_option("--token-file", flags.story.token_file, "File with the caller's token");
  app.add_option("--webhook-port", flags.webhook_port, "Where messages arrive, on 127.0.0.1");
  app.add_option("--rounds", flags.story.rounds, "Further cases that are measured")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  // Before any thread is made, so that all leave them to sigwait.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  if (const epigrid::Status status = epigrid::demo::Run(flags); !status.ok()) {
    fmt::print(stderr, "epigrid-demo: {}\n", status.ToString());
    return 1;
  }
  return 0;
}
