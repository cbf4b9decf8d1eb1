#include "tests/bench/overload/load_report.h"

#include <fstream>
#include <nlohmann/json.hpp>

namespace epigrid::bench {
namespace {

nlohmann::json ToJson(const OpenLoopResult& result) {
  return {{"due", result.due},
          {"not_sent", result.not_sent},
          {"ended", result.ended},
          {"seconds", result.seconds}};
}

OpenLoopResult FromJson(const nlohmann::json& json) {
  OpenLoopResult result;
  result.due = json.at("due");
  result.not_sent = json.at("not_sent");
  result.ended = json.at("ended").get<std::map<std::string, uint64_t>>();
  result.seconds = json.at("seconds");
  return result;
}

}  // namespace

void WriteLoadReport(const std::string& path, const LoadReport& report) {
  std::ofstream(path) << nlohmann::json{{"residents", ToJson(report.residents)},
                                        {"imports", ToJson(report.imports)}};
}

LoadReport ReadLoadReport(const std::string& path) {
  nlohmann::json json;
  std::ifstream(path) >> json;
  return {.residents = FromJson(json.at("residents")), .imports = FromJson(json.at("imports"))};
}

}  // namespace epigrid::bench
