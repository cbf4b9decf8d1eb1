#include "common/rpc/page_token.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message.h>
#include <xxhash.h>

#include <memory>

#include "common/rpc/token_text.h"
#include "epigrid/tokens/v1/tokens.pb.h"

namespace epigrid {
namespace {

constexpr size_t kTextMax = 4096;

}  // namespace

uint64_t QueryFingerprint(std::string_view method, const google::protobuf::Message& request) {
  const std::unique_ptr<google::protobuf::Message> query(request.New());
  query->CopyFrom(request);
  for (const char* name : {"page_size", "page_token", "revision"}) {
    const auto* field = query->GetDescriptor()->FindFieldByName(name);
    if (field != nullptr) query->GetReflection()->ClearField(query.get(), field);
  }
  std::string bytes(method);
  bytes += '\0';
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    query->SerializeToCodedStream(&coded);
  }
  return XXH3_64bits(bytes.data(), bytes.size());
}

std::string MakePageToken(uint64_t query, std::string_view position) {
  EPIGRID_CHECK(!position.empty(), "a page begins after something");
  tokens::v1::PageToken token;
  token.set_query(query);
  token.set_position(std::string(position));
  return ToTokenText(token.SerializeAsString());
}

Result<std::string> ParsePageToken(std::string_view token, uint64_t query) {
  if (token.empty()) return std::string();
  const std::optional<std::string> bytes = FromTokenText(token, kTextMax);
  tokens::v1::PageToken parsed;
  if (!bytes || !parsed.ParseFromString(*bytes) || parsed.position().empty() ||
      parsed.query() != query) {
    return InvalidArgument(
               "PAGE_TOKEN_INVALID",
               "page_token must be empty or the next_page_token of the same query, unchanged")
        .With("field", "page_token");
  }
  return parsed.position();
}

}  // namespace epigrid
