// Reply: what Redis answered to one command, as a value.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace epigrid {

struct Reply {
  enum class Type : uint8_t { kNil, kString, kStatus, kInteger, kArray, kError };

  Type type = Type::kNil;
  int64_t integer = 0;
  std::string text;             // of a string, a status or an error
  std::vector<Reply> elements;  // of an array

  bool is_nil() const { return type == Type::kNil; }
  bool is_error() const { return type == Type::kError; }
};

}  // namespace epigrid
