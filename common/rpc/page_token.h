// Page tokens: where a list goes on, bound to the method and to what was asked for.
//
//   const uint64_t query = QueryFingerprint(call.method(), request);
//   EPIGRID_CO_ASSIGN_OR_RETURN(std::string after, ParsePageToken(request.page_token(), query));
//   ...
//   if (more) response.set_next_page_token(MakePageToken(query, last_key));
//
// A position is for finding the place again, never for what the caller may see: the token is not
// signed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/status.h"

namespace google::protobuf {
class Message;
}

namespace epigrid {

// A hash of the method and all fields of the request, but for page_size, page_token and revision:
// those may change from page to page.
uint64_t QueryFingerprint(std::string_view method, const google::protobuf::Message& request);

// `position` is the service's own and not empty.
std::string MakePageToken(uint64_t query, std::string_view position);

// The position; empty for an empty token: the first page. INVALID_ARGUMENT with PAGE_TOKEN_INVALID
// if the token is malformed or belongs to another query.
Result<std::string> ParsePageToken(std::string_view token, uint64_t query);

}  // namespace epigrid
