#include "tools/epigridctl/import/progress.h"

#include <fmt/format.h>

#include "tools/epigridctl/text.h"

namespace epigrid::ctl {
namespace {

constexpr Duration kTerminalInterval = std::chrono::milliseconds(200);
constexpr Duration kLineInterval = std::chrono::seconds(5);
// Erases to the end of the line.
constexpr std::string_view kEraseLine = "\r\x1b[K";

}  // namespace

Progress::Progress(const Console& console, std::string name, const FileProgress& begin,
                   double fraction_begun)
    : console_(console),
      name_(std::move(name)),
      rows_begun_(begin.rows),
      fraction_begun_(fraction_begun),
      began_(console.waiter.Elapsed()),
      shown_(began_) {}

std::string Progress::Line(const FileProgress& now, double fraction_read, Duration elapsed) const {
  const double seconds = std::max(1e-3, static_cast<double>(elapsed.count()) / 1e6);
  const auto speed = static_cast<uint64_t>(static_cast<double>(now.rows - rows_begun_) / seconds);
  std::string line = fmt::format("{}  {}  {} rows/s  {} rejected", Printable(name_),
                                 FormatCount(now.rows, "row", "rows"), FormatCount(speed),
                                 FormatCount(now.rejected));
  if (fraction_read <= 0) return line;
  line += fmt::format("  {:.0f} %", fraction_read * 100);
  const double done = fraction_read - fraction_begun_;
  if (done <= 0 || fraction_read >= 1) return line;
  const double left = seconds * (1 - fraction_read) / done;
  return line + fmt::format("  {} left", FormatAge(Duration(static_cast<int64_t>(left * 1e6))));
}

void Progress::Show(const FileProgress& now, double fraction_read) {
  const std::lock_guard lock(mutex_);
  const Duration time = console_.waiter.Elapsed();
  if (time - shown_ < (console_.err_is_terminal ? kTerminalInterval : kLineInterval)) return;
  shown_ = time;
  const std::string line = Line(now, fraction_read, time - began_);
  if (console_.err_is_terminal) {
    console_.err << kEraseLine << line;
    line_is_open_ = true;
  } else {
    console_.err << line << "\n";
  }
  console_.err.flush();
}

void Progress::Waiting(const Status& status, Duration delay) {
  const std::lock_guard lock(mutex_);
  const Duration now = console_.waiter.Elapsed();
  if (told_waiting_ != Duration(0) && now - told_waiting_ < kLineInterval) return;
  told_waiting_ = now;
  Clear();
  console_.err << fmt::format("{}; trying again in {}\n", Printable(status.ToString()),
                              FormatAge(delay));
  console_.err.flush();
}

void Progress::Clear() {
  if (line_is_open_) console_.err << kEraseLine;
  line_is_open_ = false;
}

void Progress::Finish() {
  const std::lock_guard lock(mutex_);
  Clear();
  console_.err.flush();
}

}  // namespace epigrid::ctl
