#include "tools/epigridctl/import/state.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/base/ids.h"
#include "common/config/command_line.h"

namespace epigrid::ctl {
namespace {

constexpr IdKind kImportId{"import"};
constexpr uint64_t kEndBytes = uint64_t{64} * 1024;

}  // namespace

Result<std::string> IdentifyFile(const std::filesystem::path& path) {
  struct stat info = {};
  std::ifstream stream(path, std::ios::binary);
  if (stat(path.c_str(), &info) != 0 || !stream) {
    return NotFound("FILE_NOT_READABLE", fmt::format("{} cannot be opened", path.string()));
  }
  const auto size = static_cast<uint64_t>(info.st_size);
  std::string head(std::min(size, kEndBytes), '\0');
  std::string tail(std::min(size, kEndBytes), '\0');
  stream.read(head.data(), static_cast<std::streamsize>(head.size()));
  stream.seekg(static_cast<std::streamoff>(size - tail.size()));
  stream.read(tail.data(), static_cast<std::streamsize>(tail.size()));
  if (!stream) {
    return NotFound("FILE_NOT_READABLE", fmt::format("{} cannot be read", path.string()));
  }
  return DeriveId(kImportId, {fmt::to_string(size), fmt::to_string(info.st_mtim.tv_sec),
                              fmt::to_string(info.st_mtim.tv_nsec), head, tail});
}

Result<ImportState> ImportState::Open(const std::filesystem::path& directory,
                                      const std::string& source) {
  const std::filesystem::path own = directory / source;
  EPIGRID_RETURN_IF_ERROR(MakeDirectory(own / "files"));
  const std::filesystem::path lock_path = own / "lock";
  const int lock = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) {
    return Unavailable("FILE_WRITE_FAILED", fmt::format("{} cannot be opened", lock_path.string()));
  }
  ImportState state(own, lock);
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    return FailedPrecondition("STATE_IN_USE",
                              fmt::format("another import uses {}: wait for it, or give --source "
                                          "or --state",
                                          own.string()));
  }
  EPIGRID_ASSIGN_OR_RETURN(state.keys_, KeyMap::Open(own / "people"));
  return state;
}

ImportState::ImportState(ImportState&& other) noexcept
    : directory_(std::move(other.directory_)),
      lock_(std::exchange(other.lock_, -1)),
      keys_(std::move(other.keys_)) {}

ImportState::~ImportState() {
  if (lock_ >= 0) close(lock_);
}

std::filesystem::path ImportState::ProgressPath(const std::string& file_id) const {
  return directory_ / "files" / (file_id + ".json");
}

Result<FileProgress> ImportState::Load(const std::string& file_id) const {
  const std::filesystem::path path = ProgressPath(file_id);
  std::error_code failure;
  if (!std::filesystem::exists(path, failure)) return FileProgress{};
  EPIGRID_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  bool good = json.is_object() && json.contains("done") && json["done"].is_boolean();
  const auto number = [&](const char* name) -> uint64_t {
    good = good && json.contains(name) && json[name].is_number_unsigned();
    return good ? json[name].get<uint64_t>() : 0;
  };
  FileProgress progress;
  progress.run = static_cast<uint32_t>(number("run"));
  progress.position = {.byte = number("byte"), .line = number("line")};
  progress.rows = number("rows");
  progress.rejected = number("rejected");
  progress.reject_file_bytes = number("reject_file_bytes");
  if (!good) {
    return Status(Code::kDataLoss, "STATE_DAMAGED",
                  fmt::format("{} is damaged: remove it and import again", path.string()));
  }
  progress.done = json["done"].get<bool>();
  return progress;
}

Status ImportState::Save(const std::string& file_id, const FileProgress& progress) const {
  const nlohmann::json json = {{"run", progress.run},
                               {"byte", progress.position.byte},
                               {"line", progress.position.line},
                               {"rows", progress.rows},
                               {"rejected", progress.rejected},
                               {"reject_file_bytes", progress.reject_file_bytes},
                               {"done", progress.done}};
  return WriteDurably(ProgressPath(file_id), json.dump(2) + "\n");
}

}  // namespace epigrid::ctl
