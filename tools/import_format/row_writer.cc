#include "tools/import_format/row_writer.h"

#include <fmt/format.h>
#include <unistd.h>

#include <system_error>

#include "tools/import_format/values.h"

namespace epigrid {
namespace {

std::filesystem::path PartialPath(std::filesystem::path path) { return path += ".partial"; }

Status WriteFailed(const std::filesystem::path& path, int error) {
  return Unavailable("FILE_WRITE_FAILED", fmt::format("{} cannot be written: {}", path.string(),
                                                      std::system_category().message(error)));
}

void AppendCsv(std::string_view field, std::string& line) {
  if (field.find_first_of(",\"\r\n") == std::string_view::npos) {
    line += field;
    return;
  }
  line += '"';
  for (const char c : field) {
    if (c == '"') line += '"';
    line += c;
  }
  line += '"';
}

}  // namespace

template <typename Row>
Result<RowWriter<Row>> RowWriter<Row>::Create(const std::filesystem::path& path) {
  EPIGRID_ASSIGN_OR_RETURN(const Dialect dialect, DialectOf(path));
  if (path.extension() == ".gz") {
    return InvalidArgument("FILE_NAME_UNKNOWN", "import files are written uncompressed");
  }
  std::unique_ptr<std::FILE, Close> file(std::fopen(PartialPath(path).c_str(), "wb"));
  if (file == nullptr) return WriteFailed(path, errno);
  RowWriter writer(path, dialect, std::move(file));
  for (const Column<Row>& column : Columns<Row>()) {
    EPIGRID_RETURN_IF_ERROR(writer.AddField(column.name));
  }
  EPIGRID_RETURN_IF_ERROR(writer.PutLine());
  return writer;
}

template <typename Row>
Status RowWriter<Row>::AddField(std::string_view field) {
  if (dialect_ == Dialect::kCsv) {
    AppendCsv(field, line_);
  } else if (field.find_first_of("\t\r\n") != std::string_view::npos) {
    return InvalidArgument("IMPORT_VALUE_INVALID",
                           "a field of a TSV file holds neither tab nor line end");
  } else {
    line_ += field;
  }
  line_ += dialect_ == Dialect::kCsv ? ',' : '\t';
  return OkStatus();
}

template <typename Row>
Status RowWriter<Row>::PutLine() {
  line_.back() = '\n';  // instead of the separator after the last field
  const bool written = std::fwrite(line_.data(), 1, line_.size(), file_.get()) == line_.size();
  line_.clear();
  return written ? OkStatus() : WriteFailed(path_, errno);
}

template <typename Row>
Status RowWriter<Row>::Write(const Row& row) {
  Row read_back;
  Status status = CheckRow(row);
  for (const Column<Row>& column : Columns<Row>()) {
    if (!status.ok()) break;
    const std::string text = column.format(row);
    if (!text.empty()) {
      status = column.parse(column.name, text, read_back);
    } else if (column.required) {
      status = import_values::Missing(column.name);
    }
    if (status.ok()) status = AddField(text);
  }
  if (!status.ok()) {
    line_.clear();
    return status;
  }
  ++rows_;
  return PutLine();
}

template <typename Row>
Status RowWriter<Row>::Finish() {
  const bool flushed = std::fflush(file_.get()) == 0 && fsync(fileno(file_.get())) == 0;
  const int error = errno;
  file_.reset();
  if (!flushed) return WriteFailed(path_, error);
  std::error_code failure;
  std::filesystem::rename(PartialPath(path_), path_, failure);
  return failure ? WriteFailed(path_, failure.value()) : OkStatus();
}

template class RowWriter<PersonRow>;
template class RowWriter<SettingRow>;
template class RowWriter<PresenceRow>;
template class RowWriter<TestRow>;

}  // namespace epigrid
