#include "tools/import_format/table_reader.h"

#include <fmt/format.h>

#include <algorithm>

namespace epigrid {
namespace {

constexpr size_t kChunkBytes = size_t{64} * 1024;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

Status Misplaced() {
  return InvalidArgument("IMPORT_QUOTE_MISPLACED",
                         "a double quote stands inside a field: put the field in quotes and double "
                         "the quotes in it");
}

Status Unended() {
  return InvalidArgument("IMPORT_LINE_UNENDED",
                         "the file ends within this line, so that it may be cut short: if it is "
                         "whole, end the line and import it again");
}

std::string_view WithoutCarriageReturn(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

Result<Dialect> DialectOf(const std::filesystem::path& path) {
  std::string name = path.filename().string();
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  if (name.ends_with(".csv")) return Dialect::kCsv;
  if (name.ends_with(".tsv")) return Dialect::kTsv;
  return InvalidArgument(
      "FILE_NAME_UNKNOWN",
      fmt::format("{} must end in .csv or .tsv, or either and .gz", path.filename().string()));
}

// How far a record reaches.
struct TableReader::Cut {
  enum class End : uint8_t { kFound, kNotFound, kNotFoundInQuotes };
  End end = End::kNotFound;
  size_t bytes = 0;     // without the line end
  size_t consumed = 0;  // with it
  uint64_t lines = 0;
  Status problem;
};

TableReader::TableReader(std::unique_ptr<ByteSource> source, Dialect dialect)
    : source_(std::move(source)), dialect_(dialect) {}

// Makes sure that a whole record lies ahead, unless the content ends before.
Status TableReader::Fill() {
  while (!source_ended_ && buffer_.size() - cursor_ <= kTextRecordBytesMax) {
    buffer_.erase(0, cursor_);
    cursor_ = 0;
    const size_t before = buffer_.size();
    buffer_.resize(before + kChunkBytes);
    Result<size_t> count = source_->Read(buffer_.data() + before, kChunkBytes);
    buffer_.resize(before + (count.ok() ? *count : 0));
    source_ended_ = !count.ok() || *count == 0;
    if (!count.ok()) source_failure_ = count.status();
  }
  if (position_.byte == 0 && Ahead().starts_with(kByteOrderMark)) Consume(kByteOrderMark.size(), 0);
  return cursor_ == buffer_.size() ? source_failure_ : OkStatus();
}

void TableReader::Consume(size_t bytes, uint64_t lines) {
  cursor_ += bytes;
  position_.byte += bytes;
  position_.line += lines;
}

Status TableReader::SkipLine() {
  while (true) {
    const std::string_view ahead = Ahead();
    const size_t end = ahead.find('\n');
    if (end != std::string_view::npos) {
      Consume(end + 1, 1);
      return OkStatus();
    }
    Consume(ahead.size(), 0);
    if (source_ended_) return OkStatus();
    EPIGRID_RETURN_IF_ERROR(Fill());
  }
}

TableReader::Cut TableReader::CutTsv(std::string_view text,
                                     std::vector<std::string>& fields) const {
  Cut cut;
  const size_t end = text.find('\n');
  if (end == std::string_view::npos && !(source_ended_ && text.size() <= kTextRecordBytesMax))
    return cut;
  cut.end = Cut::End::kFound;
  cut.bytes = std::min(end, text.size());
  cut.consumed = end == std::string_view::npos ? text.size() : end + 1;
  cut.lines = end == std::string_view::npos ? 0 : 1;
  std::string_view line = WithoutCarriageReturn(text.substr(0, cut.bytes));
  while (true) {
    const size_t tab = line.find('\t');
    fields.emplace_back(line.substr(0, tab));
    if (tab == std::string_view::npos) return cut;
    line.remove_prefix(tab + 1);
  }
}

TableReader::Cut TableReader::CutCsv(std::string_view text,
                                     std::vector<std::string>& fields) const {
  enum class State : uint8_t { kFieldStart, kPlain, kQuoted, kQuoteInQuoted };
  Cut cut;
  State state = State::kFieldStart;
  fields.emplace_back();
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (state == State::kQuoted) {
      if (c == '"') {
        state = State::kQuoteInQuoted;
      } else {
        if (c == '\n') ++cut.lines;
        fields.back() += c;
      }
    } else if (c == '\n') {
      cut.end = Cut::End::kFound;
      cut.bytes = i;
      cut.consumed = i + 1;
      ++cut.lines;
      return cut;
    } else if (c == ',') {
      fields.emplace_back();
      state = State::kFieldStart;
    } else if (c == '\r' && (i + 1 == text.size() || text[i + 1] == '\n')) {
      // Part of the line end.
    } else if (c == '"' && state == State::kFieldStart) {
      state = State::kQuoted;
    } else if (c == '"' && state == State::kQuoteInQuoted) {
      fields.back() += '"';
      state = State::kQuoted;
    } else if (c == '"' || state == State::kQuoteInQuoted) {
      cut.problem = Misplaced();
      state = State::kPlain;
    } else {
      fields.back() += c;
      state = State::kPlain;
    }
  }
  if (state == State::kQuoted) {
    cut.end = Cut::End::kNotFoundInQuotes;
  } else if (source_ended_ && text.size() <= kTextRecordBytesMax) {
    cut.end = Cut::End::kFound;
    cut.bytes = cut.consumed = text.size();
  }
  return cut;
}

Result<bool> TableReader::Next(Record& record) {
  record.fields.clear();
  record.problem = OkStatus();
  while (true) {
    EPIGRID_RETURN_IF_ERROR(Fill());
    const std::string_view ahead = Ahead();
    if (ahead.empty()) return false;
    if (ahead.front() != '\n' && !ahead.starts_with("\r\n")) break;
    Consume(ahead.front() == '\n' ? 1 : 2, 1);
  }
  record.begin = position_;
  const std::string_view text = Ahead().substr(0, kTextRecordBytesMax + 1);
  const Cut cut =
      dialect_ == Dialect::kCsv ? CutCsv(text, record.fields) : CutTsv(text, record.fields);
  const bool has_line_end = cut.end == Cut::End::kFound && cut.consumed > cut.bytes;
  // What stands last in a file that broke off is not known to be whole.
  if (!has_line_end && text.size() <= kTextRecordBytesMax) EPIGRID_RETURN_IF_ERROR(source_failure_);
  if (cut.end == Cut::End::kFound && (cut.problem.ok() || cut.lines <= 1)) {
    record.raw = WithoutCarriageReturn(text.substr(0, cut.bytes));
    record.problem = !cut.problem.ok() || has_line_end ? cut.problem : Unended();
    Consume(cut.consumed, cut.lines);
  } else {
    record.raw = WithoutCarriageReturn(text.substr(0, text.find('\n')));
    record.problem =
        cut.end == Cut::End::kNotFound
            ? InvalidArgument("IMPORT_RECORD_TOO_LONG",
                              fmt::format("a record is at most {} bytes long", kTextRecordBytesMax))
            : InvalidArgument("IMPORT_QUOTE_UNCLOSED",
                              "a quoted field in this line does not end as it should");
    EPIGRID_RETURN_IF_ERROR(SkipLine());
  }
  if (!record.problem.ok()) record.fields.clear();
  record.end = position_;
  return true;
}

Status TableReader::Seek(const TablePosition& position) {
  EPIGRID_RETURN_IF_ERROR(source_->Seek(position.byte));
  buffer_.clear();
  cursor_ = 0;
  source_ended_ = false;
  source_failure_ = OkStatus();
  position_ = position;
  return OkStatus();
}

}  // namespace epigrid
