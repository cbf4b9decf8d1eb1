#include "tools/epigridctl/import/batches.h"

#include <algorithm>

namespace epigrid::ctl {
namespace {

template <typename Row>
class TypedBatch final : public ImportBatch {
 public:
  explicit TypedBatch(RowSender<Row>& sender) : sender_(sender) {}

  Result<std::vector<Reject>> Send() override {
    std::vector<Reject> rejects = std::move(malformed);
    EPIGRID_ASSIGN_OR_RETURN(const std::vector<Status> statuses, sender_.Send(content));
    EPIGRID_CHECK(statuses.size() == content.rows.size(), "a sender tells of every row");
    for (size_t i = 0; i < statuses.size(); ++i) {
      if (statuses[i].ok()) continue;
      rejects.push_back({content.rows[i].begin.line, statuses[i], content.rows[i].raw});
    }
    std::ranges::sort(rejects, {}, &Reject::line);
    return rejects;
  }

  BatchRows<Row> content;
  std::vector<Reject> malformed;

 private:
  RowSender<Row>& sender_;
};

template <typename Row>
class TypedBatchSource final : public BatchSource {
 public:
  TypedBatchSource(RowReader<Row> reader, const ByteSource& bytes, RowSender<Row>& sender)
      : reader_(std::move(reader)), bytes_(bytes), sender_(sender) {}

  Result<std::unique_ptr<ImportBatch>> Next(size_t rows_max) override {
    auto batch = std::make_unique<TypedBatch<Row>>(sender_);
    batch->content.number = next_number_++;
    batch->content.begin = reader_.position();
    while (failure_.ok() && batch->rows < rows_max) {
      ImportedRow<Row> imported;
      const Result<bool> more = reader_.Next(imported);
      failure_ = more.status();
      if (!more.ok() || !*more) break;
      ++batch->rows;
      batch->end = imported.end;
      if (imported.problem.ok()) {
        batch->content.rows.push_back(std::move(imported));
      } else {
        batch->malformed.push_back(
            {imported.begin.line, std::move(imported.problem), std::move(imported.raw)});
      }
    }
    if (batch->rows > 0) return std::unique_ptr<ImportBatch>(std::move(batch));
    EPIGRID_RETURN_IF_ERROR(failure_);
    return std::unique_ptr<ImportBatch>();
  }

  double fraction_read() const override { return bytes_.fraction_read(); }

 private:
  RowReader<Row> reader_;
  const ByteSource& bytes_;  // the reader's
  RowSender<Row>& sender_;
  uint64_t next_number_ = 0;
  Status failure_;
};

}  // namespace

template <typename Row>
Result<std::unique_ptr<BatchSource>> OpenBatches(const std::filesystem::path& path,
                                                 TablePosition from, RowSender<Row>& sender) {
  EPIGRID_ASSIGN_OR_RETURN(const Dialect dialect, DialectOf(path));
  EPIGRID_ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> source, OpenFile(path));
  const ByteSource& bytes = *source;
  EPIGRID_ASSIGN_OR_RETURN(RowReader<Row> reader,
                           RowReader<Row>::Open(std::move(source), dialect, from));
  return std::unique_ptr<BatchSource>(
      std::make_unique<TypedBatchSource<Row>>(std::move(reader), bytes, sender));
}

template Result<std::unique_ptr<BatchSource>> OpenBatches(const std::filesystem::path&,
                                                          TablePosition, RowSender<PersonRow>&);
template Result<std::unique_ptr<BatchSource>> OpenBatches(const std::filesystem::path&,
                                                          TablePosition, RowSender<SettingRow>&);
template Result<std::unique_ptr<BatchSource>> OpenBatches(const std::filesystem::path&,
                                                          TablePosition, RowSender<PresenceRow>&);
template Result<std::unique_ptr<BatchSource>> OpenBatches(const std::filesystem::path&,
                                                          TablePosition, RowSender<TestRow>&);

}  // namespace epigrid::ctl
