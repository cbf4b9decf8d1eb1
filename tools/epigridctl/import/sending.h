// What senders share: ids of keys, request ids, and calls that are made until they are answered.
#pragma once

#include <google/protobuf/message.h>
#include <google/protobuf/repeated_ptr_field.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ids.h"
#include "google/rpc/status.pb.h"
#include "tools/epigridctl/import/senders.h"

namespace epigrid::ctl {

// The key itself if it is the id of a setting or household, else an id derived from the source and
// the key: the same key is the same thing in every import of this source.
std::string IdOfKey(const SendContext& context, IdKind kind, const std::string& key);

// What people were registered as, or the key itself if it is an id. INVALID_ARGUMENT
// `unknown_reason`.
Result<std::string> PersonOfKey(const SendContext& context, const std::string& key,
                                std::string_view column, std::string unknown_reason);

// The same for the same call of the same run of an import, so that sending it again is harmless,
// and another for any other.
std::string RequestId(const SendContext& context, std::string_view stage, TablePosition begin,
                      const google::protobuf::Message& content);

// Calls until there is an answer that is worth having: no error of the call that may pass, and none
// of an item, of which `check` tells the first.
Status CallUntilAnswered(const SendContext& context, std::string_view service,
                         const std::string& method, const google::protobuf::Message& request,
                         google::protobuf::Message* response,
                         const std::function<Status()>& check = nullptr);

// The first item that failed for a reason that may pass; else OK.
Status FirstPassing(const google::protobuf::RepeatedPtrField<google::rpc::Status>& statuses);

// Does `work` for 0 to count - 1 on several threads. The first error.
Status ForEach(size_t count, const std::function<Status(size_t)>& work);

// INTERNAL ANSWER_MALFORMED: the server told of fewer items than it was asked for.
Status AnswerMalformed();

// The error's own text, after what went well.
Status After(std::string_view what_went_well, const Status& status);

}  // namespace epigrid::ctl
