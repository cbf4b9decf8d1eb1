// StoryProgress: what of a story has been done, kept in a file, so that a story that was stopped
// goes on.
//
//   EPIGRID_ASSIGN_OR_RETURN(StoryProgress progress, LoadProgress(path));
//   if (progress.under_way.has_value()) { ... take it back ... }
//   progress.under_way = {.source_id = source_id, .person_id = person_id};
//   EPIGRID_RETURN_IF_ERROR(SaveProgress(path, progress));   // before the first call of the step
//   ... the step ...
//   progress.under_way.reset();
//   EPIGRID_RETURN_IF_ERROR(SaveProgress(path, progress));
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/base/status.h"

namespace epigrid::demo {

// A step whose end is not known: if it was stopped, its test, transfer and case may stand.
struct StepUnderWay {
  std::string source_id;  // of its evidence; no other step ever had it
  std::string person_id;
};

// A measured round that is over.
struct MeasuredRound {
  uint64_t contacts = 0;
  std::vector<double> message_seconds;  // from test to each message's arrival, ascending
};

struct StoryProgress {
  std::optional<StepUnderWay> under_way;
  std::string told;        // of the steps that are over
  std::string case_id;     // of the index case; empty: that step is not over
  std::string contact_id;  // of somebody who was found; empty: nobody was
  std::vector<MeasuredRound> rounds;
};

// Nothing done if there is no file. DATA_LOSS STORY_DAMAGED: it is not as it was saved.
Result<StoryProgress> LoadProgress(const std::filesystem::path& path);
// The file is replaced as a whole. UNAVAILABLE STORY_UNWRITABLE.
Status SaveProgress(const std::filesystem::path& path, const StoryProgress& progress);
// The same for the text of a whole story.
Status SaveText(const std::filesystem::path& path, const std::string& text);

}  // namespace epigrid::demo
