// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

/// Every bound on foreign input, with its reason. Nothing is allocated by a number that was not
/// held against one of these first.
namespace seabag::limits {

/// OCI distribution-spec 1.1: registries should accept manifests of 4 MiB; the peers refuse more.
inline constexpr std::uint64_t kManifestBytes = 4U << 20U;
/// Tokens and error bodies: large enough for any registry met, too small to hurt.
inline constexpr std::uint64_t kErrorBodyBytes = 1U << 20U;
/// One page of a catalog, a tag list or a referrers list.
inline constexpr std::uint64_t kListPageBytes = 8U << 20U;
/// Docker's config.json and the like: credentials of a few hundred hosts.
inline constexpr std::uint64_t kConfigFileBytes = 1U << 20U;
/// Docker-archive's manifest.json and any layout's index.json; ours has ~300 bytes an image.
inline constexpr std::uint64_t kLayoutIndexBytes = 64U << 20U;

/// Depth of JSON: OCI needs 5; nlohmann::json copies and destroys recursively.
inline constexpr int kJsonDepth = 32;
/// Values and keys in one JSON document: an index of 10,000 children has some 120,000. A value
/// costs up to 64 bytes as a tree, so this keeps the tree of a hostile document under 20 MiB.
inline constexpr std::size_t kJsonValues = 250'000;
/// Images of one index.json or manifest.json, which are read one by one: five of the largest
/// registries met, at some 200 bytes of memory each.
inline constexpr std::size_t kLayoutImages = 100'000;

/// Indexes inside indexes: real ones have 2 levels.
inline constexpr int kIndexDepth = 8;
/// What is attached to what is attached to an image: real ones have 2 levels, a signature of an
/// SBOM.
inline constexpr int kAttachedDepth = 8;
/// Children of one index: the largest public ones have some 60.
inline constexpr std::size_t kIndexChildren = 10'000;
/// Referrers of one manifest, over all pages.
inline constexpr std::size_t kReferrers = 10'000;
/// Pages of one listing.
inline constexpr int kListPages = 100'000;
/// What the names of one listing may cost in memory: a million of up to 15 characters, 200,000 of
/// the longest that a tag may have.
inline constexpr std::size_t kListBytes = 32U << 20U;

/// Redirects of one request: registries use 1, storage backends 2.
inline constexpr int kRedirects = 5;
/// All response headers together.
inline constexpr std::size_t kHeaderBytes = 64U << 10U;
/// Headers of one response: registries behind two proxies send some 40.
inline constexpr std::size_t kHeaderCount = 256;
/// A server that drips slower would hold a worker for ever; any usable --max-rate stays above it.
inline constexpr int kStallBytesPerSecond = 16;
/// A transfer that breaks off after fewer bytes has come no further: after a few of those in a row
/// it is given up, so that the time of a blob has a bound however often its connections end.
inline constexpr std::uint64_t kLeastProgressBytes = 64U << 10U;
/// Longest wait that Retry-After is granted.
inline constexpr int kRetryAfterSeconds = 300;

/// Members of one tarball: 1,000,000 images of 10 layers.
inline constexpr std::size_t kTarMembers = 12'000'000;
/// Names in our tarballs: "blobs/sha512/" and 128 digits are 141.
inline constexpr std::size_t kTarPathBytes = 255;
/// One member: 1 PiB; the largest disk format, VHDX, ends at 64 TiB. Keeps sums of offsets below
/// 2^63.
inline constexpr std::uint64_t kTarMemberBytes = 1ULL << 50U;
/// What the listing of somebody else's archive may cost in memory: some 250,000 blobs.
inline constexpr std::size_t kArchiveListingBytes = 64U << 20U;

/// Repository with its registry, as many clients limit it (OCI distribution-spec, "Pulling
/// manifests").
inline constexpr std::size_t kRepositoryBytes = 255;
/// OCI distribution-spec: tag regex allows 128 characters.
inline constexpr std::size_t kTagBytes = 128;
/// Media types: RFC 6838 section 4.2 allows 127 + 1 + 127 characters.
inline constexpr std::size_t kMediaTypeBytes = 255;

/// A BagIt manifest: one line a payload file, and we write few files.
inline constexpr std::uint64_t kBagManifestBytes = 64U << 20U;
inline constexpr std::size_t kBagLineBytes = 8192;
inline constexpr std::size_t kBagEntries = 500'000;
/// Sentences about one kind of defect in a bag's tree: more help nobody, and a hostile tree has
/// millions.
inline constexpr std::size_t kBagFindings = 1000;

/// index.sqlite: kTarMembers blobs, each with its digest twice and an edge or two, take some 300
/// bytes each.
inline constexpr std::uint64_t kIndexBytes = 4ULL << 30U;

/// Units of a disk image whose overlaps are found by a bit each: 16 MiB of memory, enough for a VHD
/// of 2 TiB, an 8 TiB VMDK or qcow2 in 64 KiB pieces, and 64 TiB of VHDX in blocks of 1 MiB.
inline constexpr std::uint64_t kClaimUnits = 1ULL << 27U;

/// Largest dynamic VHD: where Hyper-V, QEMU and XenServer stop.
inline constexpr std::uint64_t kVhdDynamicBytes = 2040ULL << 30U;
/// Blocks of a dynamic VHD: the largest in blocks of 512 KiB, the smallest met. 16 MiB of memory
/// while the file is opened.
inline constexpr std::uint64_t kVhdBlocks = 1U << 22U;
/// Blocks smaller than kVhdCommonBlockBytes, which no program makes. Each costs three reads and two
/// seeks to walk, whatever it holds: millions of them took minutes for a few GiB of disk.
inline constexpr std::uint64_t kVhdSmallBlocks = 1U << 15U;
inline constexpr std::uint32_t kVhdCommonBlockBytes = 512U << 10U;
/// Blocks of a dynamic VHD have 2 MiB, rarely 512 KiB to 4 MiB. The bitmap of the largest has 64
/// KiB, which each reading thread holds.
inline constexpr std::uint32_t kVhdMinBlockBytes = 4096;
inline constexpr std::uint32_t kVhdMaxBlockBytes = 256U << 20U;

/// VMDK descriptor: VirtualBox stops at 20480 sectors; a line for each of kVmdkExtents takes 50
/// bytes, with a long name 300.
inline constexpr std::uint64_t kVmdkDescriptorBytes = 1U << 20U;
/// One line an extent, and some 30 others.
inline constexpr std::size_t kVmdkDescriptorLines = 5000;
/// 8 TiB in extents of 2047 MiB. Each is an open file.
inline constexpr std::size_t kVmdkExtents = 4096;
/// Largest disk: VMware's end at 62 TiB.
inline constexpr std::uint64_t kVmdkDiskBytes = 64ULL << 40U;
/// Largest grain in sectors: all writers met use 128.
inline constexpr std::uint64_t kVmdkGrainSectors = 1U << 14U;
/// Largest compressed grain, which each reading thread holds twice: what is written is 64 KiB.
inline constexpr std::uint64_t kVmdkCompressedGrainBytes = 1U << 20U;
/// Grain tables of one extent, 8 MiB of directory: 64 TiB in grains of 64 KiB.
inline constexpr std::uint64_t kVmdkTables = 1U << 21U;
/// Runs of sectors that the metadata of one extent lie in, 1 MiB of memory: writers need two to
/// five.
inline constexpr std::size_t kVmdkMetadataRuns = 1U << 16U;

/// Largest qcow2 disk: what one member of a tarball may hold (kTarMemberBytes).
inline constexpr std::uint64_t kQcow2DiskBytes = 1ULL << 50U;
/// qcow2 tables, as qemu bounds them (QCOW_MAX_L1_SIZE, QCOW_MAX_REFTABLE_SIZE): 2 PiB in clusters
/// of 64 KiB. Not held in memory, only walked.
inline constexpr std::uint64_t kQcow2L1Bytes = 32U << 20U;
inline constexpr std::uint64_t kQcow2RefcountTableBytes = 8U << 20U;

/// Largest VHDX disk ([MS-VHDX] 2.6.2.2): its block table has 512 MiB, which is walked, not held.
inline constexpr std::uint64_t kVhdxDiskBytes = 64ULL << 40U;
/// A VHDX log that is searched for entries: Hyper-V and qemu make logs of 1 MiB.
inline constexpr std::uint64_t kVhdxLogBytes = 64U << 20U;
/// Entries of a VHDX region table and of a metadata table ([MS-VHDX] 2.2.3.1, 2.6.1.1).
inline constexpr std::uint32_t kVhdxTableEntries = 2047;

/// Buffer of one stream of bytes; a worker holds up to four. Best of 64 KiB to 1 MiB on loopback.
inline constexpr std::size_t kBufferBytes = 256U << 10U;

/// Different texts that one registry may have shown to users in a run.
inline constexpr std::size_t kRegistryWarnings = 20;

/// One token or login header: what common servers take as a request header.
inline constexpr std::size_t kTokenBytes = 16U << 10U;
/// Tokens and credentials kept for one registry at once; what is dropped is asked for again.
inline constexpr std::size_t kTokens = 256;

}  // namespace seabag::limits
