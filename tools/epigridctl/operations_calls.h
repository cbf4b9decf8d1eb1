// Calls of epigrid.operations.v1 to one server or to all, and how messages are printed as JSON.
#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <string_view>

#include "epigrid/operations/v1/operations.pb.h"
#include "tools/epigridctl/connection.h"
#include "tools/epigridctl/console.h"

namespace epigrid::ctl {

Status CallOperations(Connection& server, std::string_view method,
                      const google::protobuf::Message& request, google::protobuf::Message* response,
                      Duration timeout = Duration(0));

// Asks every server and puts their answers together. A server that does not run the service that
// was asked for is passed over, unless none does. `timeout` is each server's.
Status CallAllServers(const Servers& servers, std::string_view method,
                      const google::protobuf::Message& request, google::protobuf::Message* response,
                      Duration timeout = Duration(0));

// Waits, at most `timeout`, until nothing is left to be done on any server. What they say of
// messages that are tried again, summed up. DEADLINE_EXCEEDED NOT_QUIET names what is still to be
// done.
Result<operations::v1::AwaitQuietResponse> AwaitQuietOnAll(
    const Servers& servers, const operations::v1::AwaitQuietRequest& request, Duration timeout);

// With fields that have their default.
void PrintJson(const google::protobuf::Message& message, const Console& console);

}  // namespace epigrid::ctl
