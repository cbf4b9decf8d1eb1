#include "tools/epigridctl/message_tree.h"

#include <fmt/format.h>
#include <google/protobuf/any.pb.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "common/rpc/status_details.h"
#include "google/rpc/status.pb.h"
#include "tools/epigridctl/schema.h"
#include "tools/epigridctl/text.h"

namespace epigrid::ctl {
namespace {

using google::protobuf::Any;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Scalars of a list stand in one line up to this width.
constexpr size_t kInlineListWidth = 80;

class TreeWriter {
 public:
  TreeWriter(const absl::TimeZone& zone, Schema* schema) : zone_(zone), schema_(schema) {}

  std::string Write(const Message& message) {
    WriteFields(message, "", "");
    return std::move(text_);
  }

 private:
  static bool IsShown(const Message& message, const FieldDescriptor* field) {
    if (field->is_repeated() || field->has_presence()) {
      return field->is_repeated() || message.GetReflection()->HasField(message, field);
    }
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
      case FieldDescriptor::CPPTYPE_ENUM: return message.GetReflection()->HasField(message, field);
      default: return true;
    }
  }

  // `first` is the indentation of the first line, which may hold a list's dash, `rest` of the
  // others.
  void WriteFields(const Message& message, const std::string& first, const std::string& rest) {
    std::vector<const FieldDescriptor*> fields;
    size_t width = 0;
    for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
      const FieldDescriptor* field = message.GetDescriptor()->field(i);
      if (!IsShown(message, field)) continue;
      fields.push_back(field);
      width = std::max(width, field->name().size());
    }
    if (fields.empty()) text_ += first + "(empty)\n";
    for (size_t i = 0; i < fields.size(); ++i) {
      text_ += i == 0 ? first : rest;
      WriteField(message, fields[i], width, rest);
    }
  }

  void WriteField(const Message& message, const FieldDescriptor* field, size_t width,
                  const std::string& indent) {
    const Reflection& reflection = *message.GetReflection();
    const std::string label = fmt::format("{:<{}}", field->name() + ":", width + 3);
    const bool is_message = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    if (!field->is_repeated()) {
      if (!is_message) {
        text_ += label + Scalar(message, field, -1) + "\n";
        return;
      }
      WriteMessage(reflection.GetMessage(message, field), label, field->name() + ":", indent);
      return;
    }
    const int count = reflection.FieldSize(message, field);
    if (count == 0) {
      text_ += label + "none\n";
    } else if (!is_message) {
      WriteScalars(message, field, count, label, indent);
    } else {
      text_ += field->name() + ":\n";
      for (int i = 0; i < count; ++i) {
        const Message& item = reflection.GetRepeatedMessage(message, field, i);
        if (const std::optional<std::string> line = OneLine(item)) {
          text_ += indent + "  - " + *line + "\n";
        } else {
          WriteFields(item, indent + "  - ", indent + "    ");
        }
      }
    }
  }

  void WriteScalars(const Message& message, const FieldDescriptor* field, int count,
                    const std::string& label, const std::string& indent) {
    std::vector<std::string> items;
    size_t width = 0;
    for (int i = 0; i < count; ++i) {
      items.push_back(Scalar(message, field, i));
      width += items.back().size() + 2;
    }
    if (width <= kInlineListWidth) {
      text_ += label;
      for (size_t i = 0; i < items.size(); ++i) text_ += (i == 0 ? "" : ", ") + items[i];
      text_ += "\n";
      return;
    }
    text_ += field->name() + ":\n";
    for (const std::string& item : items) text_ += indent + "  - " + item + "\n";
  }

  void WriteMessage(const Message& message, const std::string& label, const std::string& name,
                    const std::string& indent) {
    if (const std::optional<std::string> line = OneLine(message)) {
      text_ += label + *line + "\n";
      return;
    }
    if (message.GetDescriptor()->full_name() == "google.protobuf.Any" && schema_ != nullptr) {
      Any any;
      any.ParseFromString(message.SerializeAsString());
      if (const std::unique_ptr<Message> inner = schema_->Unpack(any.type_url(), any.value())) {
        text_ += fmt::format("{} ({})\n", name, inner->GetDescriptor()->full_name());
        WriteFields(*inner, indent + "  ", indent + "  ");
        return;
      }
    }
    text_ += name + "\n";
    WriteFields(message, indent + "  ", indent + "  ");
  }

  // Messages that have a written form of their own. They may be dynamic, hence the detour over
  // their bytes.
  std::optional<std::string> OneLine(const Message& message) const {
    const std::string& type = message.GetDescriptor()->full_name();
    if (type == "google.protobuf.Timestamp") {
      google::protobuf::Timestamp timestamp;
      timestamp.ParseFromString(message.SerializeAsString());
      return absl::FormatTime(
          "%Y-%m-%d%ET%H:%M:%E*S%Ez",
          absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos()), zone_);
    }
    if (type == "google.protobuf.Duration") {
      google::protobuf::Duration duration;
      duration.ParseFromString(message.SerializeAsString());
      return absl::FormatDuration(absl::Seconds(duration.seconds()) +
                                  absl::Nanoseconds(duration.nanos()));
    }
    if (type == "google.rpc.Status") {
      google::rpc::Status status;
      status.ParseFromString(message.SerializeAsString());
      const Status own = FromProtoStatus(status);
      return own.ok() ? "OK" : Printable(own.ToString());
    }
    return std::nullopt;
  }

  // `index` -1: the field is not repeated.
  static std::string Scalar(const Message& message, const FieldDescriptor* field, int index) {
    const Reflection& reflection = *message.GetReflection();
    const bool single = index < 0;
#define EPIGRID_CTL_VALUE(Type)                  \
  (single ? reflection.Get##Type(message, field) \
          : reflection.GetRepeated##Type(message, field, index))
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32: return fmt::to_string(EPIGRID_CTL_VALUE(Int32));
      case FieldDescriptor::CPPTYPE_INT64: return fmt::to_string(EPIGRID_CTL_VALUE(Int64));
      case FieldDescriptor::CPPTYPE_UINT32: return fmt::to_string(EPIGRID_CTL_VALUE(UInt32));
      case FieldDescriptor::CPPTYPE_UINT64: return fmt::to_string(EPIGRID_CTL_VALUE(UInt64));
      case FieldDescriptor::CPPTYPE_DOUBLE: return fmt::to_string(EPIGRID_CTL_VALUE(Double));
      case FieldDescriptor::CPPTYPE_FLOAT: return fmt::to_string(EPIGRID_CTL_VALUE(Float));
      case FieldDescriptor::CPPTYPE_BOOL: return EPIGRID_CTL_VALUE(Bool) ? "yes" : "no";
      case FieldDescriptor::CPPTYPE_ENUM: return ShortEnumName(*EPIGRID_CTL_VALUE(Enum));
      case FieldDescriptor::CPPTYPE_STRING: {
        const std::string value = EPIGRID_CTL_VALUE(String);
        if (field->type() != FieldDescriptor::TYPE_BYTES) return Printable(value);
        return fmt::format("({} bytes)", value.size());
      }
      case FieldDescriptor::CPPTYPE_MESSAGE: break;
    }
#undef EPIGRID_CTL_VALUE
    EPIGRID_CHECK(false, "messages are no scalars");
  }

  const absl::TimeZone& zone_;
  Schema* schema_;
  std::string text_;
};

}  // namespace

std::string ShortEnumName(const google::protobuf::EnumValueDescriptor& value) {
  std::string prefix;
  for (const char c : value.type()->name()) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper && !prefix.empty()) prefix += '_';
    prefix += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  prefix += '_';
  const std::string& name = value.name();
  const bool has_prefix = name.starts_with(prefix) && name.size() > prefix.size();
  return has_prefix ? name.substr(prefix.size()) : name;
}

std::string FormatMessage(const Message& message, const absl::TimeZone& zone, Schema* schema) {
  return TreeWriter(zone, schema).Write(message);
}

}  // namespace epigrid::ctl
