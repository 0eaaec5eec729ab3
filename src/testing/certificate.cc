// SPDX-License-Identifier: Apache-2.0
#include "testing/certificate.h"

#include <cstdlib>

#include <fmt/format.h>

#include "base/error.h"

namespace seabag::testing {

TlsFiles make_certificate(const std::string& directory, const std::string& subject_alt_name) {
  const TlsFiles files = {.certificate = directory + "/certificate.pem",
                          .key = directory + "/key.pem"};
  const std::string command = fmt::format(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 2 -subj "
      "/CN=seabag-test "
      "-addext 'subjectAltName={}' -out '{}' -keyout '{}' 2>/dev/null",
      subject_alt_name, files.certificate, files.key);
  check(std::system(command.c_str()) == 0, "the openssl command makes a certificate");
  return files;
}

}  // namespace seabag::testing
