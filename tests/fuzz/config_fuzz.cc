// Configuration files, variables and flags from anywhere must end in errors, never in a crash.
#include <cstddef>
#include <cstdint>

#include "common/config/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  std::string listen;
  epigrid::Duration deadline{};
  std::vector<std::string> topics;
  int32_t shards = 0;
  epigrid::Secret password;
  epigrid::ConfigSpec spec;
  spec.Add(&listen, "server.listen", "");
  spec.Add(&deadline, "server.deadline", "").Range(epigrid::Duration(0), std::chrono::hours(1));
  spec.Add(&topics, "log.topics", "");
  spec.Add(&shards, "log.shards", "").Range(1, 64);
  spec.Add(&password, "redis.password", "");
  epigrid::ConfigSources sources;
  sources.file_name = "fuzz.yaml";
  sources.file_text = text;
  sources.environment["EPIGRID_SERVER_DEADLINE"] = text;
  sources.arguments = {text, "--log-topics=" + text};
  if (spec.Load(sources).empty()) (void)spec.Print();
  return 0;
}
