// ReflectionDatabase: a server's files of protos, asked for one by one as a DescriptorPool needs
// them.
//
// DescriptorDatabase knows only found and not found, so that the error of a failed call is kept for
// status(). Threads: one at a time.
#pragma once

#include <google/protobuf/descriptor_database.h>

#include <memory>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "tools/epigridctl/connection.h"

namespace epigrid::ctl {

class ReflectionDatabase final : public google::protobuf::DescriptorDatabase {
 public:
  explicit ReflectionDatabase(Connection& connection);
  ~ReflectionDatabase() override;

  Result<std::vector<std::string>> ListServices();
  // Of the first call that failed; what a server does not know is no failure.
  const Status& status() const { return status_; }

  bool FindFileByName(const std::string& filename,
                      google::protobuf::FileDescriptorProto* output) override;
  bool FindFileContainingSymbol(const std::string& symbol_name,
                                google::protobuf::FileDescriptorProto* output) override;
  bool FindFileContainingExtension(const std::string& containing_type, int field_number,
                                   google::protobuf::FileDescriptorProto* output) override;

 private:
  class Stream;
  // Takes in the files of an answer.
  bool Fetch(bool by_symbol, const std::string& name);

  std::unique_ptr<Stream> stream_;
  google::protobuf::SimpleDescriptorDatabase cached_;
  Status status_;
};

}  // namespace epigrid::ctl
