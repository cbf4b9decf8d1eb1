// A master key file from anywhere ends in keys that work or in an error that repeats no key of it;
// and whatever stands in the key store in place of a wrapped key is refused.
#include <cstdint>
#include <sstream>

#include "common/crypto/master_key.h"

namespace epigrid {
namespace {

constexpr std::string_view kSubject = "person";
// As `epigrid-master-key rotate` adds it.
constexpr std::string_view kNewLine =
    "key 8facfeaa eb380cec6e01ac0773452f284aa6219220a53c952e0d78ed76fe03c41e6ef4f7\n";
constexpr std::string_view kNewId = "8facfeaa";

// Repeats itself, so that a finding does too.
class FixedRandom final : public RandomSource {
 public:
  void Fill(uint8_t* bytes, size_t size) override {
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i);
  }
};

bool IsHexadecimal(const std::string& word) {
  return word.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
}

void CheckError(const Status& status, const std::string& text) {
  EPIGRID_CHECK(status.reason() == "MASTER_KEY_FILE_MALFORMED", status.ToString());
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    EPIGRID_CHECK(word.size() < 16 || !IsHexadecimal(word) ||
                      status.message().find(word) == std::string::npos,
                  "an error repeats a key");
  }
}

void CheckKeys(const MasterKeys& keys, const std::string& text) {
  FixedRandom random;
  const SecretKey key = SecretKey::Random(random);
  const std::string wrapped = keys.Wrap(key, kSubject, random);
  const Result<SecretKey> unwrapped = keys.Unwrap(wrapped, kSubject);
  EPIGRID_CHECK(unwrapped.ok() && *unwrapped == key, "what was wrapped unwraps");
  EPIGRID_CHECK(!keys.Unwrap(wrapped, "other").ok(), "for its subject only");
  EPIGRID_CHECK(!keys.IsOutdated(wrapped), "the newest key wraps");
  if (text.find(kNewId) != std::string::npos) return;
  const Result<MasterKeys> rotated =
      MasterKeys::Parse(text + (text.ends_with('\n') ? "" : "\n") + std::string(kNewLine));
  EPIGRID_CHECK(rotated.ok(), "what parses can be rotated");
  EPIGRID_CHECK(rotated->IsOutdated(wrapped), "a rotation makes another key the newest");
  EPIGRID_CHECK(rotated->Unwrap(wrapped, kSubject).ok(), "and keeps the older ones");
  EPIGRID_CHECK(rotated->Derive("label") == keys.Derive("label"), "and the root");
}

void CheckWrapped(const MasterKeys& keys, const std::string& wrapped) {
  const Result<SecretKey> unwrapped = keys.Unwrap(wrapped, kSubject);
  EPIGRID_CHECK(!unwrapped.ok(), "nobody has wrapped it");
  const std::string_view reason = unwrapped.status().reason();
  EPIGRID_CHECK(reason == "MASTER_KEY_UNKNOWN" || reason == "SEALED_BOX_MALFORMED" ||
                    reason == "SEALED_BOX_TAMPERED",
                unwrapped.status().ToString());
}

}  // namespace
}  // namespace epigrid

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace epigrid;
  static const Result<MasterKeys> known = MasterKeys::Parse(
      "root 55317d92 35f188c8929152d2e121a6725cafcdd1132b7f173c275e131fd6805842c4d35a\n" +
      std::string(kNewLine));
  EPIGRID_CHECK(known.ok(), known.status().ToString());
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const Result<MasterKeys> keys = MasterKeys::Parse(bytes);
  if (keys.ok()) {
    CheckKeys(*keys, bytes);
  } else {
    CheckError(keys.status(), bytes);
  }
  CheckWrapped(*known, bytes);
  CheckWrapped(*known, "\x8f\xac\xfe\xaa\x01" + bytes);  // the id of its key, and the version
  return 0;
}
