// Saves a log on Kafka, as it is at one consistent cut, into the files of a directory, while all
// goes on.
//
//   1  the ends of the topics of snapshots; their records
//   2  the floors
//   3  the ends of all inboxes and public topics, twice, one round after the other
//   4  their records up to the second ends, and of those from after the first where their cause is
//   5  metadata; 6  keys
//   7  the cut: ConsistentCut (consistent_cut.h) of the second ends
//
// Why no floor and no snapshot goes beyond that cut: docs/decisions/0023. Records of the files that
// are beyond it are not in the manifest's ranges.
#pragma once

#include <filesystem>

#include "common/event_log/kafka_log.h"

namespace epigrid::log_backup {

// Blocks; to be called on no loop's thread. NOT_FOUND LOG_NOT_THERE: there is no log under this
// prefix; ABORTED BACKUP_OVERTAKEN: a shard was cut further than what was saved of it tells;
// UNAVAILABLE LOG_UNAVAILABLE, BACKUP_UNWRITABLE.
Status Save(const KafkaLogOptions& options, const std::filesystem::path& directory);

}  // namespace epigrid::log_backup
