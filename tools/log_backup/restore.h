// Makes a log on Kafka out of the files of Save (save.h): every record under the offset and with
// the time that it had, shards that were cut beginning where they began, floors, metadata and keys.
//
// Brokers give offsets themselves, so that a shard that was cut is first filled up to its start
// with empty records, which are cut again. Times are kept since topics are made without
// LogAppendTime, which comes last: until then services refuse the log (LOG_MISMATCH).
#pragma once

#include <filesystem>

#include "common/event_log/kafka_log.h"

namespace epigrid::log_backup {

// Blocks; to be called on no loop's thread. `options` say what the topics are to be like, and
// nothing of compaction. FAILED_PRECONDITION RESTORE_NOT_EMPTY: there is something under the
// prefix, which stays as it is; DATA_LOSS BACKUP_CORRUPT; UNAVAILABLE LOG_UNAVAILABLE. What was
// begun is to be deleted before it is tried again.
Status Restore(KafkaLogOptions options, const std::filesystem::path& directory);

}  // namespace epigrid::log_backup
