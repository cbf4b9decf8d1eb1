// Story: the main job, told on a city whose facts have been imported: a laboratory reports a
// positive test; everyone who met that person gets a code with a reason and a message; the hospital
// takes the person in; the case is excluded, and all of it is taken back. Then the same with other
// people, to say how long it takes.
//
// A story that has been told is kept in <directory>/story.txt, and is not told again on the same
// data. One that was stopped goes on: <directory>/story.progress says which steps are over; of the
// step that was under way everything is taken back, and it begins anew.
#pragma once

#include <filesystem>
#include <string>

#include "common/base/status.h"
#include "tools/demo/backend.h"
#include "tools/demo/receiver.h"
#include "tools/demo/story_progress.h"

namespace epigrid::demo {

struct StoryOptions {
  std::filesystem::path directory;  // the city's import files; index_test.csv among them
  std::string token_file;           // for the calls to paste; empty: no token is needed
  int rounds = 10;  // cases that are reported, measured and withdrawn after the story
};

class Story {
 public:
  Story(Backend& backend, Receiver& receiver, StoryOptions options);

  // Tells it on stdout, or says that it was told.
  Status Tell();

 private:
  // What one positive test brought about.
  struct Outbreak {
    contact_tracing::v1::Case opened;
    std::vector<contact_tracing::v1::Contact> contacts;
    std::vector<double> message_seconds;  // from test to each message's arrival
  };

  Status ReadPeople();
  // Until what was imported is folded: the story's times are its own.
  Status AwaitFolded();
  // A step of the story; what it says is kept when it is over.
  Status Begin(const std::string& person_id);
  Status End();
  // Of a step that was stopped.
  Status TakeBack();
  Result<Outbreak> Report(const std::string& person_id);
  Status TellIndexCase();
  Status TellContacts(const Outbreak& outbreak);
  Status TellExclusion(const Outbreak& outbreak);
  Status MeasureRounds();
  void TellRounds();
  // Three calls to paste.
  void TellCalls();
  // A line of the story: on stdout, and kept with its step.
  void Say(const std::string& line);

  Backend& backend_;
  Receiver& receiver_;
  const StoryOptions options_;
  std::vector<PersonRow> people_;
  TestRow index_;
  std::string index_person_id_;
  const std::filesystem::path progress_path_;
  StoryProgress progress_;
  std::string step_;  // what was said since the last step was over
};

}  // namespace epigrid::demo
