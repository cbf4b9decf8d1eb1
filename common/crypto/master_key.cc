#include "common/crypto/master_key.h"

#include <openssl/evp.h>

#include <algorithm>
#include <sstream>

#include "common/base/hex.h"
#include "common/crypto/keyed_hash.h"
#include "common/crypto/sealed_box.h"
#include "common/crypto/secret_file.h"

namespace epigrid {
namespace {

constexpr size_t kIdSize = 4;
constexpr std::string_view kWrapPurpose = "person key";

// From a derived key, so that the id tells nothing of the key itself.
std::string IdOf(const SecretKey& key) {
  return std::string(DeriveKey(key, "epigrid master key id v1").bytes().substr(0, kIdSize));
}

std::string Line(std::string_view word, const SecretKey& key) {
  return std::string(word) + " " + ToHex(IdOf(key)) + " " + ToHex(key.bytes()) + "\n";
}

Status Malformed(int line, const std::string& what) {
  return InvalidArgument("MASTER_KEY_FILE_MALFORMED",
                         "line " + std::to_string(line) + " of the master key file: " + what);
}

}  // namespace

Result<MasterKeys> MasterKeys::Parse(std::string_view text) {
  MasterKeys keys;
  bool has_root = false;
  std::istringstream lines{std::string(text)};
  std::string line;
  int number = 0;
  while (std::getline(lines, line)) {
    ++number;
    std::istringstream words(line);
    std::string word, id, digits, rest;
    words >> word;
    if (word.empty() || word[0] == '#') continue;
    words >> id >> digits >> rest;
    std::optional<std::string> bytes = FromHex(digits);
    OPENSSL_cleanse(line.data(), line.size());
    OPENSSL_cleanse(digits.data(), digits.size());
    if ((word != "root" && word != "key") || !rest.empty()) {
      return Malformed(number, "must be 'root' or 'key', an id and 64 hexadecimal digits");
    }
    if (!bytes || bytes->size() != SecretKey::kSize) {
      return Malformed(number, "the key must be 64 hexadecimal digits");
    }
    Entry entry{.id = {}, .key = SecretKey::FromBytes(*bytes)};
    OPENSSL_cleanse(bytes->data(), bytes->size());
    entry.id = IdOf(entry.key);
    if (id != ToHex(entry.id)) {
      return Malformed(number, "the id does not fit the key: one of them was changed");
    }
    if (word == "root") {
      if (has_root) return Malformed(number, "there is a root already");
      has_root = true;
      keys.root_ = entry.key;
    } else {
      const bool known = std::any_of(keys.keys_.begin(), keys.keys_.end(),
                                     [&](const Entry& other) { return other.id == entry.id; });
      if (known) return Malformed(number, "this key stands above already");
      keys.keys_.push_back(std::move(entry));
    }
  }
  if (!has_root) return Malformed(number, "the file ends without a root");
  if (keys.keys_.empty()) return Malformed(number, "the file ends without a key");
  return keys;
}

Result<MasterKeys> MasterKeys::Load(const std::filesystem::path& file) {
  EPIGRID_ASSIGN_OR_RETURN(std::string text, ReadSecretFile(file));
  Result<MasterKeys> keys = Parse(text);
  OPENSSL_cleanse(text.data(), text.size());
  return keys;
}

SecretKey MasterKeys::Derive(std::string_view label) const { return DeriveKey(root_, label); }

std::string MasterKeys::Wrap(const SecretKey& key, std::string_view subject,
                             RandomSource& random) const {
  const Entry& newest = keys_.back();
  return newest.id +
         Seal(newest.key, {.subject = subject, .purpose = kWrapPurpose}, key.bytes(), random);
}

Result<SecretKey> MasterKeys::Unwrap(std::string_view wrapped, std::string_view subject) const {
  const std::string_view id = wrapped.substr(0, kIdSize);
  const auto entry = std::find_if(keys_.rbegin(), keys_.rend(),
                                  [&](const Entry& candidate) { return candidate.id == id; });
  if (entry == keys_.rend()) {
    return FailedPrecondition("MASTER_KEY_UNKNOWN",
                              "the master key file lacks the key " + ToHex(id) +
                                  ", which data is still wrapped with: put it back");
  }
  EPIGRID_ASSIGN_OR_RETURN(
      std::string bytes,
      Open(entry->key, {.subject = subject, .purpose = kWrapPurpose}, wrapped.substr(kIdSize)));
  if (bytes.size() != SecretKey::kSize) {
    return Status(Code::kDataLoss, "SEALED_BOX_MALFORMED", "a wrapped key is no key");
  }
  SecretKey key = SecretKey::FromBytes(bytes);
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return key;
}

bool MasterKeys::IsOutdated(std::string_view wrapped) const {
  return wrapped.substr(0, kIdSize) != keys_.back().id;
}

Status GenerateMasterKeyFile(const std::filesystem::path& file, RandomSource& random) {
  std::string text =
      "# Epigrid's master keys. Who has this file can read all personal data; who loses it has "
      "lost them:\n"
      "# keep it from others, and keep a copy apart from the backups of Redis and the log.\n";
  text += Line("root", SecretKey::Random(random));
  text += Line("key", SecretKey::Random(random));
  Status status = CreateSecretFile(file, text);
  OPENSSL_cleanse(text.data(), text.size());
  return status;
}

Status RotateMasterKeyFile(const std::filesystem::path& file, RandomSource& random) {
  EPIGRID_ASSIGN_OR_RETURN(std::string text, ReadSecretFile(file));
  if (Result<MasterKeys> keys = MasterKeys::Parse(text); !keys.ok()) return keys.status();
  if (!text.ends_with('\n')) text += '\n';
  text += Line("key", SecretKey::Random(random));
  Status status = ReplaceSecretFile(file, text);
  OPENSSL_cleanse(text.data(), text.size());
  return status;
}

}  // namespace epigrid
