// Batches: an import file cut into pieces that are sent to a service, and what cuts and sends them.
#pragma once

#include <memory>
#include <vector>

#include "common/base/status.h"
#include "tools/epigridctl/import/reject_file.h"
#include "tools/import_format/row_reader.h"

namespace epigrid::ctl {

// Some rows in a row. Sent by any one thread, perhaps beside others.
class ImportBatch {
 public:
  virtual ~ImportBatch() = default;
  // What was not taken, in the order of lines. An error means that the rows' fate is not known: the
  // import stops, and they are sent again when it goes on.
  virtual Result<std::vector<Reject>> Send() = 0;

  uint64_t rows = 0;  // also those that are not well-formed
  TablePosition end;
};

// Threads: one at a time.
class BatchSource {
 public:
  virtual ~BatchSource() = default;
  // Null at the end. An error is the file's: what came before it has been given.
  virtual Result<std::unique_ptr<ImportBatch>> Next(size_t rows_max) = 0;
  // How much of the file was read, 0 to 1.
  virtual double fraction_read() const = 0;
};

// The well-formed rows of a batch.
template <typename Row>
struct BatchRows {
  uint64_t number = 0;  // of the batch, from 0 in this run
  TablePosition begin;
  std::vector<ImportedRow<Row>> rows;
};

// Knows how rows of a kind are sent. Threads: any. Outlives the batches.
template <typename Row>
class RowSender {
 public:
  virtual ~RowSender() = default;
  // One status for each row: OK, or why it was not taken; an error as in ImportBatch. Called for
  // every batch, also for one without rows: whoever keeps an order between batches relies on it.
  virtual Result<std::vector<Status>> Send(const BatchRows<Row>& batch) = 0;
};

// The errors of OpenFile and RowReader::Open. `sender` outlives the source and its batches.
template <typename Row>
Result<std::unique_ptr<BatchSource>> OpenBatches(const std::filesystem::path& path,
                                                 TablePosition from, RowSender<Row>& sender);

}  // namespace epigrid::ctl
