#include <fmt/format.h>
#include <xxhash.h>

#include <cstring>

#include "common/projector/view.h"

namespace epigrid {
namespace {

// Lengths stand before key and field, so that no two cells have the same bytes.
XXH128_hash_t HashCell(std::string_view key, std::string_view field, std::string_view value) {
  thread_local std::string buffer;
  const uint32_t lengths[2] = {static_cast<uint32_t>(key.size()),
                               static_cast<uint32_t>(field.size())};
  buffer.resize(sizeof(lengths) + key.size() + field.size() + value.size());
  char* at = buffer.data();
  std::memcpy(at, lengths, sizeof(lengths));
  at += sizeof(lengths);
  at = key.copy(at, key.size()) + at;
  at = field.copy(at, field.size()) + at;
  value.copy(at, value.size());
  return XXH3_128bits(buffer.data(), buffer.size());
}

}  // namespace

void Digest::AddCell(std::string_view key, std::string_view field, std::string_view value) {
  const XXH128_hash_t hash = HashCell(key, field, value);
  low += hash.low64;
  high += hash.high64;
}

void Digest::RemoveCell(std::string_view key, std::string_view field, std::string_view value) {
  const XXH128_hash_t hash = HashCell(key, field, value);
  low -= hash.low64;
  high -= hash.high64;
}

void Digest::Add(const CellWrite& write) {
  if (write.kind == CellWrite::Kind::kSetTimer) {
    AddTimer(write.field, write.due);
  } else {
    AddCell(write.key, write.field, write.value);
  }
}

void Digest::AddTimer(std::string_view id, Time due) {
  AddCell({}, id, std::to_string(due.micros));
}

void Digest::RemoveTimer(std::string_view id, Time due) {
  RemoveCell({}, id, std::to_string(due.micros));
}

std::string Digest::ToHex() const { return fmt::format("{:016x}{:016x}", high, low); }

}  // namespace epigrid
