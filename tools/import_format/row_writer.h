// RowWriter: writes an import file, header first, with the columns that RowReader reads.
//
//   EPIGRID_ASSIGN_OR_RETURN(auto writer, RowWriter<TestRow>::Create(directory / "tests.csv"));
//   EPIGRID_RETURN_IF_ERROR(writer.Write(row));
//   EPIGRID_RETURN_IF_ERROR(writer.Finish());
//
// The rows go to <path>.partial, which Finish renames: a file of that name is whole. Threads: one
// at a time.
#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "tools/import_format/columns.h"
#include "tools/import_format/table_reader.h"

namespace epigrid {

template <typename Row>
class RowWriter {
 public:
  // The dialect is that of the name, which ends in .csv or .tsv. INVALID_ARGUMENT
  // FILE_NAME_UNKNOWN, UNAVAILABLE FILE_WRITE_FAILED.
  static Result<RowWriter> Create(const std::filesystem::path& path);

  // INVALID_ARGUMENT: the problem that a reader would have with this row; nothing is written.
  // UNAVAILABLE FILE_WRITE_FAILED.
  Status Write(const Row& row);
  // UNAVAILABLE FILE_WRITE_FAILED.
  Status Finish();

  uint64_t rows() const { return rows_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  RowWriter(std::filesystem::path path, Dialect dialect, std::unique_ptr<std::FILE, Close> file)
      : path_(std::move(path)), dialect_(dialect), file_(std::move(file)) {}
  Status AddField(std::string_view field);
  Status PutLine();

  std::filesystem::path path_;
  Dialect dialect_;
  std::unique_ptr<std::FILE, Close> file_;
  std::string line_;
  uint64_t rows_ = 0;
};

extern template class RowWriter<PersonRow>;
extern template class RowWriter<SettingRow>;
extern template class RowWriter<PresenceRow>;
extern template class RowWriter<TestRow>;

}  // namespace epigrid
