#include "services/identity/domain/check_digits.h"

#include <array>
#include <cstddef>

namespace epigrid::identity {

char Mod11_2CheckCharacter(std::string_view digits) {
  int remainder = 0;
  for (char digit : digits) remainder = (remainder + (digit - '0')) * 2 % 11;
  const int check = (12 - remainder) % 11;
  return check == 10 ? 'X' : static_cast<char>('0' + check);
}

char MachineReadableCheckDigit(std::string_view text) {
  constexpr std::array<int, 3> kWeights = {7, 3, 1};
  int sum = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const int value = c == '<' ? 0 : c <= '9' ? c - '0' : c - 'A' + 10;
    sum += value * kWeights[i % kWeights.size()];
  }
  return static_cast<char>('0' + sum % 10);
}

}  // namespace epigrid::identity
