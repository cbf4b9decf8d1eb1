// Progress: tells a person how an import goes: on a terminal by one line that changes, else by a
// line every five seconds.
//
//   presence.tsv  1,250,000 rows  48,210 rows/s  12 rejected  63 %  21.0 s left
//
// Threads: Show and Finish from one, Waiting from any.
#pragma once

#include <mutex>
#include <string>

#include "tools/epigridctl/console.h"
#include "tools/epigridctl/import/state.h"

namespace epigrid::ctl {

class Progress {
 public:
  // `begin` is where this run goes on: speed and time left count from there.
  Progress(const Console& console, std::string name, const FileProgress& begin,
           double fraction_begun);

  void Show(const FileProgress& now, double fraction_read);
  // A call failed and will be made again.
  void Waiting(const Status& status, Duration delay);
  // The last line stays.
  void Finish();

 private:
  std::string Line(const FileProgress& now, double fraction_read, Duration elapsed) const;
  void Clear();

  const Console& console_;
  const std::string name_;
  const uint64_t rows_begun_;
  const double fraction_begun_;
  const Duration began_;
  std::mutex mutex_;
  Duration shown_;
  Duration told_waiting_{0};
  bool line_is_open_ = false;
};

}  // namespace epigrid::ctl
