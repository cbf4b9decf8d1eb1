#include "tools/epigridctl/import/key_map.h"

#include <fmt/format.h>
#include <zlib.h>

#include <fstream>

namespace epigrid::ctl {
namespace {

constexpr size_t kChecksumDigits = 8;
constexpr size_t kPendingBytesMax = 1 << 20;

std::string Checksum(std::string_view text) {
  const uLong sum =
      crc32(0, reinterpret_cast<const Bytef*>(text.data()), static_cast<uInt>(text.size()));
  return fmt::format("{:0{}x}", sum, kChecksumDigits);
}

struct Line {
  std::string_view id;
  std::string_view key;
};

std::optional<Line> ParseLine(std::string_view line) {
  if (line.size() <= kChecksumDigits || line[kChecksumDigits] != ' ') return std::nullopt;
  const std::string_view rest = line.substr(kChecksumDigits + 1);
  const size_t blank = rest.find(' ');
  if (blank == std::string_view::npos || Checksum(rest) != line.substr(0, kChecksumDigits)) {
    return std::nullopt;
  }
  return Line{.id = rest.substr(0, blank), .key = rest.substr(blank + 1)};
}

}  // namespace

Result<std::unique_ptr<KeyMap>> KeyMap::Open(const std::filesystem::path& path) {
  EPIGRID_ASSIGN_OR_RETURN(AppendFile file, AppendFile::Open(path));
  std::unique_ptr<KeyMap> keys(new KeyMap(std::move(file)));
  EPIGRID_RETURN_IF_ERROR(keys->Load(path));
  return keys;
}

Status KeyMap::Load(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  uint64_t good = 0;  // bytes
  uint64_t number = 0;
  std::string text;
  while (std::getline(stream, text)) {
    ++number;
    const bool whole = !stream.eof();
    const std::optional<Line> line = whole ? ParseLine(text) : std::nullopt;
    if (line.has_value()) {
      ids_.insert_or_assign(std::string(line->key), std::string(line->id));
      last_id_ = line->id;
      good += text.size() + 1;
      continue;
    }
    // A crash may leave the end of the file unwritten, also as zeros; nothing good may stand behind
    // it.
    while (std::getline(stream, text)) {
      if (!ParseLine(text).has_value()) continue;
      return {Code::kDataLoss, "KEYS_DAMAGED",
              fmt::format("line {} of {} is damaged: restore the file, or remove the directory and "
                          "import the people again, which finds those who are registered",
                          number, path.string())};
    }
    break;
  }
  return file_.Truncate(good);
}

std::optional<std::string> KeyMap::Find(std::string_view key) const {
  const std::lock_guard lock(mutex_);
  const auto found = ids_.find({key.data(), key.size()});
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

Status KeyMap::Add(std::string_view key, std::string_view id) {
  const std::lock_guard lock(mutex_);
  const auto [entry, is_new] = ids_.try_emplace(std::string(key), id);
  if (!is_new) {
    if (entry->second == id) return OkStatus();
    return AlreadyExists("PERSON_KEY_TAKEN",
                         "the key stands for a person with another document already: give each "
                         "person a key of their own")
        .With("field", "person");
  }
  last_id_ = id;
  const std::string rest = fmt::format("{} {}", id, key);
  pending_ += fmt::format("{} {}\n", Checksum(rest), rest);
  if (pending_.size() < kPendingBytesMax) return OkStatus();
  const std::string lines = std::exchange(pending_, {});
  return file_.Append(lines);
}

Status KeyMap::Sync() {
  const std::lock_guard lock(mutex_);
  const std::string lines = std::exchange(pending_, {});
  EPIGRID_RETURN_IF_ERROR(file_.Append(lines));
  return file_.Sync();
}

size_t KeyMap::size() const {
  const std::lock_guard lock(mutex_);
  return ids_.size();
}

std::string KeyMap::last_id() const {
  const std::lock_guard lock(mutex_);
  return last_id_;
}

}  // namespace epigrid::ctl
