// TestAuthority: certificates for tests, made by the openssl program, valid for two days.
//
//   TestAuthority authority("city");                       // directory/city.pem, city.key
//   authority.Issue("server", "localhost", directory);     // directory/server.pem, server.key
#pragma once

#include <filesystem>
#include <string>

#include "tests/fakes/temporary_directory.h"

namespace epigrid {

class TestAuthority {
 public:
  explicit TestAuthority(const std::string& name);

  // Its own certificate.
  std::filesystem::path certificate() const { return directory_ / "ca.pem"; }
  // Puts NAME.pem and NAME.key into a directory, in place of what is there: a certificate for a DNS
  // name.
  void Issue(const std::string& name, const std::string& dns_name,
             const std::filesystem::path& into) const;

 private:
  const TemporaryDirectory directory_;
};

// The text of a file.
std::string ReadText(const std::filesystem::path& path);

}  // namespace epigrid
