// ProjectorObserver: what a projector tells of itself to metrics and logs. Called on the
// scheduler's thread; does little and returns.
#pragma once

#include <cstddef>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/shard.h"
#include "common/base/status.h"
#include "common/event_log/event_log.h"

namespace epigrid {

// What somebody must look at. Each has a page in docs/playbooks under the alert that counts it.
enum class ProjectorAlert {
  kClockWrong,    // this instance's wall clock jumped or differs from the log's by more than 30 s
  kRecordParked,  // a record could not be folded
  // A rebuilt view differs from the live one, or could not be built, the process dying again and
  // again; the live one was kept.
  kRebuildDiffers,
  // A shard folded aside is not what the live view holds; nothing was cut off the log.
  kAuditDiffers,
  kViewLost,      // the view was empty although the log is not: it is being rebuilt
  kShardStopped,  // the shard cannot be folded at all; the detail says what to mend
};
std::string_view AlertName(ProjectorAlert alert);

struct ProjectorSnapshot;  // projector_host.h

class ProjectorObserver {
 public:
  virtual ~ProjectorObserver() = default;
  // A batch was committed. `age` is how long its oldest record had waited since it was appended to
  // the log.
  virtual void OnBatch(Shard /*shard*/, size_t /*records*/, size_t /*events*/, size_t /*writes*/,
                       Duration /*age*/) {}
  // A fold ignored something (Context::Ignore), or a repeated record was ignored by its mark
  // ("REPEATED").
  virtual void OnIgnored(Shard /*shard*/, std::string_view /*reason*/) {}
  // A shard begins again from its view, and why.
  virtual void OnRestart(Shard /*shard*/, const Status& /*why*/) {}
  // An audit was made, a snapshot kept, and the log cut behind it; or not, and why.
  virtual void OnAudit(Shard /*shard*/, const Status& /*status*/) {}
  // Every shard that was assigned is live, or has stopped: `taken` of those owned were assigned
  // since this was told the last time, the first of them `took` ago.
  virtual void OnTakeover(size_t /*taken*/, size_t /*owned*/, Duration /*took*/) {}
  // About once a second, whatever goes on or stands still: how the owned shards are.
  virtual void OnLook(const ProjectorSnapshot& /*snapshot*/) {}
  // The view does not answer, or refuses; it is asked again.
  virtual void OnViewWait(const Status& /*why*/) {}
  // The log cannot be read; it is asked again.
  virtual void OnLogWait(const Status& /*why*/) {}
  virtual void OnAlert(ProjectorAlert /*alert*/, Shard /*shard*/, std::string_view /*detail*/) {}
};

}  // namespace epigrid
