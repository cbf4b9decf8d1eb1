// The two check digits of identity documents.
#pragma once

#include <string_view>

namespace epigrid::identity {

// ISO 7064 MOD 11-2, as GB 11643 uses it: the check character ('0'-'9' or 'X') of a string of
// digits. It finds every single wrong digit and every swap of two.
char Mod11_2CheckCharacter(std::string_view digits);

// ICAO Doc 9303-3, 4.9: weights 7, 3, 1; digits count as themselves, A-Z as 10-35, the filler '<'
// as 0. The text holds nothing else.
char MachineReadableCheckDigit(std::string_view text);

}  // namespace epigrid::identity
