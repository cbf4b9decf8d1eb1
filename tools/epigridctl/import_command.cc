#include "tools/epigridctl/import_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <system_error>

#include "epigrid/identity/v1/identity.pb.h"
#include "tools/epigridctl/error_text.h"
#include "tools/epigridctl/import/import_run.h"
#include "tools/epigridctl/text.h"

namespace epigrid::ctl {
namespace {

constexpr int kKnownTries = 25;
constexpr Duration kKnownInterval = std::chrono::milliseconds(200);

Status CheckSource(const std::string& source) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  };
  const bool good = !source.empty() && source.size() <= 64 && source.front() != '.' &&
                    std::ranges::all_of(source, allowed);
  if (good) return OkStatus();
  return InvalidArgument("SOURCE_MALFORMED",
                         "--source is 1 to 64 characters of a-z, 0-9, '-', '_' and '.', not "
                         "beginning with '.'");
}

// A state directory belongs to one installation: elsewhere its ids are nobody's, and rows would be
// taken for nobody.
Status CheckServerKnows(const Servers& servers, const std::string& person_id,
                        const Console& console) {
  if (person_id.empty()) return OkStatus();
  identity::v1::GetPersonRequest request;
  request.set_person_id(person_id);
  for (int tries = 0; tries < kKnownTries; ++tries) {
    identity::v1::GetPersonResponse response;
    const Status status =
        servers.Of("identity")
            .Call("/epigrid.identity.v1.IdentityService/GetPerson", request, &response);
    // Whatever else is wrong will show when rows are sent, or matters only to this check.
    if (status.code() != Code::kNotFound) return OkStatus();
    // Someone registered just now may not be visible yet.
    if (!console.waiter.WaitFor(kKnownInterval)) break;
  }
  return FailedPrecondition("STATE_OF_ANOTHER_SERVER",
                            "the server does not know the people whom the state directory says "
                            "it registered: give the server's own directory by --state, or a new "
                            "one and import the people again");
}

struct FileToImport {
  std::filesystem::path path;
  ImportKind kind;
  size_t place;  // on the command line
};

Result<std::vector<FileToImport>> SortFiles(const std::vector<std::filesystem::path>& paths) {
  std::vector<FileToImport> files;
  for (const std::filesystem::path& path : paths) {
    EPIGRID_ASSIGN_OR_RETURN(const Dialect dialect, DialectOf(path));
    EPIGRID_ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> source, OpenFile(path));
    Result<ImportKind> kind = DetectImportKind(std::move(source), dialect);
    if (!kind.ok()) return Status(kind.status()).With("file", path.string());
    files.push_back({path, *kind, files.size()});
  }
  std::ranges::sort(files, {},
                    [](const FileToImport& file) { return std::pair(file.kind, file.place); });
  return files;
}

std::filesystem::path Canonical(const std::filesystem::path& path) {
  std::error_code failure;
  std::filesystem::path canonical = std::filesystem::weakly_canonical(path, failure);
  return failure ? path : canonical;
}

// A file's rejects replace what an earlier one left at their path.
Status CheckRejectPaths(const ImportOptions& options, const std::vector<FileToImport>& files) {
  std::set<std::filesystem::path> imported;
  for (const FileToImport& file : files) imported.insert(Canonical(file.path));
  std::map<std::filesystem::path, const FileToImport*> whose;
  for (const FileToImport& file : files) {
    const std::filesystem::path rejects = RejectPath(options, file.path);
    if (imported.contains(Canonical(rejects))) {
      return InvalidArgument(
                 "REJECT_FILES_COLLIDE",
                 fmt::format("the rejected rows of {} would replace {}, which is to be imported "
                             "itself: give it another name, or --rejects another directory",
                             file.path.string(), rejects.string()))
          .With("file", file.path.string());
    }
    const auto [other, is_new] = whose.emplace(Canonical(rejects), &file);
    if (is_new) continue;
    return InvalidArgument(
               "REJECT_FILES_COLLIDE",
               fmt::format("the rejected rows of {} and {} would both be put into {}: import the "
                           "files by two commands, each with a --rejects of its own",
                           other->second->path.string(), file.path.string(), rejects.string()))
        .With("file", file.path.string());
  }
  return OkStatus();
}

std::string Summary(const ImportedFile& file, bool dry_run) {
  const FileProgress& progress = file.progress;
  std::string text = fmt::format("{} ({}): ", file.path.string(), ImportKindName(file.kind));
  if (file.was_done) {
    text += fmt::format("was imported before, {}; --again imports it once more",
                        FormatCount(progress.rows, "row", "rows"));
    return text;
  }
  const double seconds = std::max(1e-3, static_cast<double>(file.elapsed.count()) / 1e6);
  const auto speed = static_cast<uint64_t>(static_cast<double>(file.rows_now) / seconds);
  text += fmt::format("{} in {} ({} rows/s), {} {}, {} rejected",
                      FormatCount(file.rows_now, "row", "rows"), FormatAge(file.elapsed),
                      FormatCount(speed), FormatCount(progress.rows - progress.rejected),
                      dry_run ? "good" : "taken", FormatCount(progress.rejected));
  if (progress.rejected > 0 && !dry_run) text += ": see " + file.reject_path.string();
  return text;
}

nlohmann::json ToJson(const ImportedFile& file) {
  nlohmann::json json = {{"file", file.path.string()},
                         {"kind", ImportKindName(file.kind)},
                         {"rows", file.progress.rows},
                         {"rows_now", file.rows_now},
                         {"rejected", file.progress.rejected},
                         {"seconds", static_cast<double>(file.elapsed.count()) / 1e6},
                         {"done", file.end.ok()},
                         {"done_before", file.was_done}};
  if (file.progress.rejected > 0) json["reject_file"] = file.reject_path.string();
  if (!file.end.ok()) json["error"] = ErrorJson(file.end);
  return json;
}

ExitCode ExitCodeOf(const std::vector<ImportedFile>& files) {
  bool rejected = false;
  for (const ImportedFile& file : files) {
    if (file.end.reason() == "INTERRUPTED") return ExitCode::kInterrupted;
    if (!file.end.ok()) return ExitCode::kFailed;
    rejected = rejected || file.progress.rejected > 0;
  }
  return rejected ? ExitCode::kPartly : ExitCode::kOk;
}

// Why it stopped, and how it goes on.
void TellStop(const ImportedFile& file, const ImportOptions& options, const Console& console) {
  if (file.end.reason() == "INTERRUPTED") {
    console.err << file.path.string() << ": stopped.\n";
  } else {
    console.err << file.path.string() << ": " << FormatError(file.end);
  }
  if (options.dry_run) return;
  console.err << fmt::format(
      "{} before line {} are done and saved in {}: the same command goes on from there.\n",
      FormatCount(file.progress.rows, "row", "rows"), FormatCount(file.progress.position.line),
      options.state.string());
}

}  // namespace

Result<ExitCode> Import(const Servers& servers, const ImportOptions& options,
                        const Console& console) {
  EPIGRID_RETURN_IF_ERROR(CheckSource(options.source));
  EPIGRID_ASSIGN_OR_RETURN(const std::vector<FileToImport> files, SortFiles(options.files));
  std::optional<ImportState> state;
  if (!options.dry_run) {
    EPIGRID_RETURN_IF_ERROR(CheckRejectPaths(options, files));
    EPIGRID_ASSIGN_OR_RETURN(ImportState opened, ImportState::Open(options.state, options.source));
    state.emplace(std::move(opened));
    EPIGRID_RETURN_IF_ERROR(CheckServerKnows(servers, state->keys().last_id(), console));
  }
  std::vector<ImportedFile> imported;
  nlohmann::json json = nlohmann::json::array();
  for (const FileToImport& file : files) {
    imported.push_back(ImportFile(servers, options, file.path, file.kind,
                                  state.has_value() ? &*state : nullptr, console));
    json.push_back(ToJson(imported.back()));
    if (!console.json) console.out << Summary(imported.back(), options.dry_run) << "\n";
    console.out.flush();
    if (imported.back().end.ok()) continue;
    TellStop(imported.back(), options, console);
    break;
  }
  if (console.json) console.out << json.dump(2) << "\n";
  return ExitCodeOf(imported);
}

}  // namespace epigrid::ctl
