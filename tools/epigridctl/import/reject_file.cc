#include "tools/epigridctl/import/reject_file.h"

#include <fmt/format.h>

#include <system_error>

namespace epigrid::ctl {
namespace {

std::string Quoted(std::string_view field) {
  std::string quoted = "\"";
  for (const char c : field) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

}  // namespace

Status RejectFile::Open() {
  EPIGRID_ASSIGN_OR_RETURN(AppendFile file, AppendFile::Open(path_));
  file_.emplace(std::move(file));
  return OkStatus();
}

Status RejectFile::Resume(uint64_t bytes) {
  std::error_code failure;
  // One that is gone was taken away by somebody who has seen it.
  if (bytes > 0 && std::filesystem::exists(path_, failure)) {
    EPIGRID_RETURN_IF_ERROR(Open());
    if (bytes <= file_->size()) return file_->Truncate(bytes);
    return FailedPrecondition("REJECT_FILE_SHORTER",
                              fmt::format("{} is shorter than it was when the import stopped: move "
                                          "it away, and the same command goes on with a new one",
                                          path_.string()));
  }
  std::filesystem::remove(path_, failure);
  if (!failure) return OkStatus();
  return Unavailable("FILE_WRITE_FAILED",
                     fmt::format("{} cannot be replaced: {}", path_.string(), failure.message()));
}

Status RejectFile::Write(const Reject& reject) {
  if (!file_.has_value()) {
    EPIGRID_RETURN_IF_ERROR(Open());
    EPIGRID_RETURN_IF_ERROR(file_->Append("line,reason,message,row\n"));
  }
  return file_->Append(fmt::format("{},{},{},{}\n", reject.line, reject.problem.reason(),
                                   Quoted(reject.problem.message()), Quoted(reject.row)));
}

Status RejectFile::Sync() { return file_.has_value() ? file_->Sync() : OkStatus(); }

}  // namespace epigrid::ctl
