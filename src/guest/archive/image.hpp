// Container images: what `docker save` writes, and the OCI image layout.
#pragma once

namespace lxss {

// Whether what has been unpacked into / is an image and no root file system.
bool is_container_image();

// Makes the root file system of it: its layers, one over the other, with their whiteouts. Blobs that are
// named after their checksum are checked. Of an image for several platforms linux/amd64 is taken. Throws
// ArchiveError. Sources: OCI image layout specification 1.0; image layer filesystem changeset.
void unpack_container_image();

} // namespace lxss
