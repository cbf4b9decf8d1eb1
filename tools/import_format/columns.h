// Columns: the one definition of the columns of each kind of import file, which readers and writers
// share.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "common/base/status.h"
#include "tools/import_format/rows.h"

namespace epigrid {

template <typename Row>
struct Column {
  std::string_view name;
  bool required;  // must be in the header, and set in every row
  // Sets the row's field from a text that is not empty. INVALID_ARGUMENT IMPORT_VALUE_INVALID with
  // metadata "field"; the message says what is allowed and never repeats the value, which may be
  // personal.
  Status (*parse)(std::string_view name, std::string_view text, Row& row);
  std::string (*format)(const Row& row);  // empty: not set
};

// In the order in which writers write them.
template <typename Row>
std::span<const Column<Row>> Columns();
template <>
std::span<const Column<PersonRow>> Columns<PersonRow>();
template <>
std::span<const Column<SettingRow>> Columns<SettingRow>();
template <>
std::span<const Column<PresenceRow>> Columns<PresenceRow>();
template <>
std::span<const Column<TestRow>> Columns<TestRow>();

// What can only be said of a whole row: fields that go together, an order of times.
// INVALID_ARGUMENT IMPORT_ROW_INCONSISTENT.
Status CheckRow(const PersonRow& row);
Status CheckRow(const SettingRow& row);
Status CheckRow(const PresenceRow& row);
Status CheckRow(const TestRow& row);

}  // namespace epigrid
