// epigrid-log-backup: what deploy/backup and deploy/restore do with a log on Kafka.
#include <cstdio>
#include <string_view>

#include "common/config/command_line.h"
#include "common/service/kafka_config.h"
#include "tools/log_backup/restore.h"
#include "tools/log_backup/save.h"

namespace {

constexpr int kUsageError = 2;

int Usage() {
  std::fputs(
      "usage: epigrid-log-backup save|restore DIRECTORY --log-kafka-brokers=HOST:PORT,... [...]\n"
      "       epigrid-log-backup save|restore DIRECTORY --help\n",
      stderr);
  return kUsageError;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return Usage();
  const std::string_view verb = argv[1];
  const std::string directory = argv[2];
  if (verb != "save" && verb != "restore") return Usage();

  epigrid::KafkaConfig config;
  std::string kind = "kafka";
  epigrid::ConfigSpec spec;
  spec.Add(&kind, "log.kind", "a log on Redis is backed up by its Redis").OneOf({"kafka"});
  config.AddTo(spec, &kind);
  // What follows on the directory, behind something in the place of the program's name.
  if (auto exit_code = epigrid::LoadFromCommandLine(spec, argc - 2, argv + 2)) return *exit_code;

  epigrid::KafkaLogOptions options = config.LogOptions("epigrid-log-backup");
  // Whoever waits here is a person.
  options.kafka.deadline = std::chrono::seconds(30);
  const epigrid::Status status = verb == "save" ? epigrid::log_backup::Save(options, directory)
                                                : epigrid::log_backup::Restore(options, directory);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}
