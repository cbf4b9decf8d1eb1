#include "tools/demo/story_progress.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

namespace epigrid::demo {

using nlohmann::json;

Result<StoryProgress> LoadProgress(const std::filesystem::path& path) {
  StoryProgress progress;
  std::ifstream file(path);
  if (!file) return progress;
  const json kept = json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!kept.is_object()) {
    return Status(Code::kDataLoss, "STORY_DAMAGED",
                  path.string() + " is not as it was saved: remove it, and the story begins anew");
  }
  progress.told = kept.value("told", "");
  progress.case_id = kept.value("case_id", "");
  progress.contact_id = kept.value("contact_id", "");
  if (const auto step = kept.find("under_way"); step != kept.end()) {
    progress.under_way = {.source_id = step->value("source_id", ""),
                          .person_id = step->value("person_id", "")};
  }
  for (const json& round : kept.value("rounds", json::array())) {
    progress.rounds.push_back(
        {.contacts = round.value("contacts", uint64_t{0}),
         .message_seconds = round.value("message_seconds", std::vector<double>())});
  }
  return progress;
}

Status SaveProgress(const std::filesystem::path& path, const StoryProgress& progress) {
  json kept = {{"told", progress.told},
               {"case_id", progress.case_id},
               {"contact_id", progress.contact_id},
               {"rounds", json::array()}};
  if (progress.under_way.has_value()) {
    kept["under_way"] = {{"source_id", progress.under_way->source_id},
                         {"person_id", progress.under_way->person_id}};
  }
  for (const MeasuredRound& round : progress.rounds) {
    kept["rounds"].push_back(
        {{"contacts", round.contacts}, {"message_seconds", round.message_seconds}});
  }
  return SaveText(path, kept.dump(1));
}

Status SaveText(const std::filesystem::path& path, const std::string& text) {
  const std::filesystem::path partial = path.string() + ".partial";
  std::ofstream file(partial, std::ios::trunc);
  file << text;
  file.close();
  std::error_code failure;
  if (file) std::filesystem::rename(partial, path, failure);
  if (file && !failure) return OkStatus();
  return Unavailable("STORY_UNWRITABLE", "cannot write " + path.string());
}

}  // namespace epigrid::demo
