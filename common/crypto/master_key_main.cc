// epigrid-master-key: makes and rotates the file of master keys (common/crypto/master_key.h).
#include <CLI/CLI.hpp>
#include <cstdio>

#include "common/crypto/master_key.h"

int main(int argc, char** argv) {
  CLI::App app("Makes and rotates the file that holds the master keys of persons' data.");
  app.require_subcommand(1);
  std::string file;
  CLI::App* generate =
      app.add_subcommand("generate", "make a new file; an existing one is kept and an error");
  generate->add_option("FILE", file, "the file to make, with mode 0600")->required();
  CLI::App* rotate = app.add_subcommand("rotate", "add a newest key to the file");
  rotate->add_option("FILE", file, "the file to change")->required();
  CLI11_PARSE(app, argc, argv);

  epigrid::OpenSslRandom random;
  const epigrid::Status status = generate->parsed() ? epigrid::GenerateMasterKeyFile(file, random)
                                                    : epigrid::RotateMasterKeyFile(file, random);
  if (!status.ok()) {
    std::fprintf(stderr, "epigrid-master-key: %s\n", status.ToString().c_str());
    return 1;
  }
  std::printf(
      "%s\n",
      generate->parsed()
          ? "Made. Keep a copy where neither Redis nor its backups are."
          : "A newest key was added. Give the file to every instance of identity and restart them "
            "within\nan hour; then identity wraps all keys with it: see its README.");
  return 0;
}
