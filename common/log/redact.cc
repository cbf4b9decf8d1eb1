#include "common/log/redact.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace epigrid {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsWord(char c) { return IsDigit(c) || IsLetter(c) || c == '_' || c == '-'; }

struct Digits {
  std::string digits;  // with the final X of a resident id
  size_t end = 0;      // in the text
};

// The digits from `begin` on, single blanks or dashes between them skipped.
Digits ScanDigits(std::string_view text, size_t begin) {
  Digits result;
  size_t at = begin;
  while (at < text.size()) {
    if (IsDigit(text[at])) {
      result.digits += text[at++];
      result.end = at;
    } else if ((text[at] == ' ' || text[at] == '-') && at + 1 < text.size() &&
               IsDigit(text[at + 1])) {
      ++at;
    } else {
      break;
    }
  }
  if (result.digits.size() == 17 && at < text.size() && (text[at] == 'X' || text[at] == 'x')) {
    result.digits += 'X';
    result.end = at + 1;
  }
  return result;
}

bool IsResidentId(std::string_view digits) { return digits.size() == 18 || digits.size() == 15; }

bool IsPhone(std::string_view digits, bool plus) {
  if (plus) return digits.size() >= 8 && digits.size() <= 15;
  if (digits.size() == 13 && digits.starts_with("86")) digits.remove_prefix(2);
  return digits.size() == 11 && digits[0] == '1' && digits[1] >= '3';
}

// "person_" and 27 characters in lower case: ids.h.
bool IsOpaqueId(std::string_view word) {
  const size_t underscore = word.rfind('_');
  if (underscore == std::string_view::npos || underscore == 0 || word.size() - underscore - 1 != 27)
    return false;
  return std::ranges::none_of(word, [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool LooksRandom(std::string_view word) {
  if (word.size() < 24 || IsOpaqueId(word)) return false;
  const bool digit = std::ranges::any_of(word, IsDigit);
  const bool upper = std::ranges::any_of(word, [](char c) { return c >= 'A' && c <= 'Z'; });
  const bool lower = std::ranges::any_of(word, [](char c) { return c >= 'a' && c <= 'z'; });
  const bool hexadecimal =
      std::ranges::all_of(word, [](unsigned char c) { return std::isxdigit(c) != 0; });
  return (digit && upper && lower) || (hexadecimal && digit);
}

// Whether what was just written announces a credential: "Bearer ", "token=", "password: ".
bool EndsWithAnnouncement(std::string_view written) {
  std::string tail(written.substr(written.size() - std::min<size_t>(written.size(), 16)));
  std::ranges::transform(tail, tail.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::string_view view = tail;
  if (view.ends_with("bearer ")) return true;
  while (view.ends_with(' ') || view.ends_with('"') || view.ends_with('\'')) view.remove_suffix(1);
  if (!view.ends_with('=') && !view.ends_with(':')) return false;
  view.remove_suffix(1);
  while (view.ends_with('"') || view.ends_with('\'')) view.remove_suffix(1);
  constexpr std::array<std::string_view, 6> kNames = {"token",  "password", "passwd",
                                                      "secret", "api_key",  "apikey"};
  return std::ranges::any_of(kNames,
                             [view](std::string_view name) { return view.ends_with(name); });
}

size_t WordEnd(std::string_view text, size_t begin, std::string_view more) {
  size_t end = begin;
  while (end < text.size() && (IsWord(text[end]) || more.find(text[end]) != std::string_view::npos))
    ++end;
  return end;
}

// Copies a word, but for the numbers of persons that begin in it (and may lead beyond it). Answers
// where it stopped.
size_t CopyWithoutNumbers(std::string_view text, size_t begin, size_t end, std::string& out) {
  size_t at = begin;
  while (at < end) {
    if (!IsDigit(text[at])) {
      out += text[at++];
      continue;
    }
    const Digits found = ScanDigits(text, at);
    const bool plus = out.ends_with('+');
    if (IsResidentId(found.digits) || IsPhone(found.digits, plus)) {
      if (plus) out.pop_back();
      out += IsResidentId(found.digits) ? "[resident-id]" : "[phone]";
      at = found.end;
    } else {
      while (at < end && IsDigit(text[at])) out += text[at++];
    }
  }
  return at;
}

}  // namespace

std::string Redact(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  size_t at = 0;
  while (at < text.size()) {
    if (!IsWord(text[at])) {
      out += text[at++];
      continue;
    }
    if (EndsWithAnnouncement(out)) {
      const size_t end = WordEnd(text, at, "+/=.~");
      if (text.substr(at, end - at) == "Bearer") {  // "authorization token: Bearer xyz"
        out += "Bearer";
      } else {
        out += "[token]";
      }
      at = end;
      continue;
    }
    const size_t end = WordEnd(text, at, "");
    const size_t dotted_end = WordEnd(text, at, ".");
    const std::string_view word = text.substr(at, end - at);
    if (word.starts_with("eyJ") && dotted_end > end) {
      out += "[token]";
      at = dotted_end;
    } else if (LooksRandom(word)) {
      out += "[token]";
      at = WordEnd(text, at, "+/=");
    } else if (IsOpaqueId(word)) {
      out += word;
      at = end;
    } else {
      at = CopyWithoutNumbers(text, at, end, out);
    }
  }
  return out;
}

}  // namespace epigrid
