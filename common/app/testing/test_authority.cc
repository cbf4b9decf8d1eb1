#include "common/app/testing/test_authority.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>

#include "common/base/status.h"

namespace epigrid {
namespace {

void OpenSsl(const std::filesystem::path& directory, const std::string& arguments) {
  const std::string command =
      fmt::format("cd {} && openssl {} >/dev/null 2>&1", directory.string(), arguments);
  EPIGRID_CHECK(std::system(command.c_str()) == 0, command);
}

}  // namespace

TestAuthority::TestAuthority(const std::string& name) {
  OpenSsl(directory_ / "",
          fmt::format("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
                      "-subj /CN={} -keyout ca.key -out ca.pem",
                      name));
}

void TestAuthority::Issue(const std::string& name, const std::string& dns_name,
                          const std::filesystem::path& into) const {
  std::ofstream(directory_ / (name + ".ext")) << "subjectAltName=DNS:" << dns_name << "\n";
  OpenSsl(directory_ / "",
          fmt::format("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={0} "
                      "-keyout {0}.key -out {0}.csr",
                      name));
  OpenSsl(directory_ / "",
          fmt::format("x509 -req -days 2 -CA ca.pem -CAkey ca.key -CAcreateserial -in {0}.csr "
                      "-extfile {0}.ext -out {0}.pem",
                      name));
  for (const char* ending : {".pem", ".key"}) {
    std::filesystem::copy_file(directory_ / (name + ending), into / (name + ending),
                               std::filesystem::copy_options::overwrite_existing);
  }
}

std::string ReadText(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace epigrid
