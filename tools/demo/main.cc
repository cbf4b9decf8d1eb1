// epigrid-demo: receives the messages of a demonstration and tells the main job on imported data.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "tools/demo/story.h"

namespace epigrid::demo {
namespace {

struct Flags {
  ctl::ServerOptions server;
  uint16_t webhook_port = 0;
  StoryOptions story;
};

Status Run(Flags flags) {
  if (!flags.story.token_file.empty()) {
    std::ifstream file(flags.story.token_file);
    if (!std::getline(file, flags.server.token)) {
      return NotFound("TOKEN_UNREADABLE", "cannot read a token from " + flags.story.token_file);
    }
  }
  EPIGRID_ASSIGN_OR_RETURN(const auto receiver, Receiver::Start(flags.webhook_port));
  EPIGRID_ASSIGN_OR_RETURN(ctl::Servers servers, ctl::Servers::Create(flags.server));
  Backend backend(std::move(servers));
  EPIGRID_RETURN_IF_ERROR(Story(backend, *receiver, flags.story).Tell());
  fmt::print("\n");
  std::fflush(stdout);
  // The phones go on receiving until the demonstration is stopped.
  while (true) pause();
}

// Ends the process at the first SIGINT or SIGTERM, wherever the story is: what of it is over has
// been kept. Before any other thread is made, so that all leave the signals to this one.
void EndOnSignal() {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  std::thread([ends] {
    int received = 0;
    sigwait(&ends, &received);
    std::_Exit(0);
  }).detach();
}

}  // namespace
}  // namespace epigrid::demo

int main(int argc, char** argv) {
  CLI::App app("Receives the messages of a demonstration and tells the main job on imported data.");
  epigrid::demo::Flags flags;
  app.add_option("directory", flags.story.directory, "The city's import files")->required();
  app.add_option(
         "--server", flags.server.servers,
         "HOST:PORT of epigrid-dev, or SERVICE=HOST:PORT of one service; may be given often; "
         "default 127.0.0.1:50051")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--token-file", flags.story.token_file, "File with the caller's token");
  app.add_option("--webhook-port", flags.webhook_port, "Where messages arrive, on 127.0.0.1");
  app.add_option("--rounds", flags.story.rounds, "Further cases that are measured")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  epigrid::demo::EndOnSignal();
  if (const epigrid::Status status = epigrid::demo::Run(std::move(flags)); !status.ok()) {
    fmt::print(stderr, "epigrid-demo: {}\n", status.ToString());
    return 1;
  }
  return 0;
}
