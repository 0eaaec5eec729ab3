-- The schema of index.sqlite: what a bundle holds, where it lies, where it came from. index.md explains it.
-- It is data for the programs, too: they create the index with this text, and read no index whose schema differs.

PRAGMA application_id = 0x53424147;  -- "SBAG"
PRAGMA user_version = 1;

CREATE TABLE metadata (
  name  TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE files (
  id     INTEGER NOT NULL PRIMARY KEY,
  path   TEXT NOT NULL UNIQUE,               -- relative to the bag: data/images/images.tar
  size   INTEGER NOT NULL CHECK (size >= 0), -- bytes
  sha256 TEXT CHECK (length(sha256) = 64)    -- as in manifest-sha256.txt; NULL while the file is being made
) STRICT;

CREATE TABLE media_types (
  id   INTEGER NOT NULL PRIMARY KEY CHECK (id > 0),
  name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE platforms (
  id           INTEGER NOT NULL PRIMARY KEY CHECK (id > 0),
  os           TEXT NOT NULL,
  architecture TEXT NOT NULL,
  variant      TEXT NOT NULL,                -- empty: none
  os_version   TEXT NOT NULL,                -- empty: none
  name         TEXT NOT NULL GENERATED ALWAYS AS (
    os || '/' || architecture || CASE variant WHEN '' THEN '' ELSE '/' || variant END),
  UNIQUE (os, architecture, variant, os_version)
) STRICT;

CREATE TABLE blobs (
  id       INTEGER NOT NULL PRIMARY KEY,
  digest   TEXT NOT NULL UNIQUE,             -- sha256:...
  size     INTEGER NOT NULL CHECK (size >= 0),
  presence TEXT NOT NULL CHECK (presence IN ('present', 'left-out', 'missing'))
) STRICT;

CREATE TABLE locations (
  blob   INTEGER NOT NULL REFERENCES blobs,
  file   INTEGER NOT NULL REFERENCES files,
  offset INTEGER NOT NULL CHECK (offset >= 0), -- bytes from the start of the file to the blob's first byte
  PRIMARY KEY (blob, file)
) STRICT, WITHOUT ROWID;

CREATE TABLE manifests (
  blob          INTEGER NOT NULL PRIMARY KEY REFERENCES blobs,
  kind          TEXT NOT NULL CHECK (kind IN ('image', 'artifact', 'index')),
  media_type    INTEGER NOT NULL REFERENCES media_types,
  artifact_type INTEGER REFERENCES media_types,
  created       TEXT                         -- as the image says it, RFC 3339
) STRICT;

CREATE TABLE edges (
  parent     INTEGER NOT NULL REFERENCES manifests,
  role       TEXT NOT NULL CHECK (role IN ('config', 'layer', 'child', 'subject')),
  position   INTEGER NOT NULL CHECK (position >= 0), -- among the parent's edges of that role
  child      INTEGER NOT NULL REFERENCES blobs,
  media_type INTEGER REFERENCES media_types, -- what the parent says the child is
  platform   INTEGER REFERENCES platforms,
  PRIMARY KEY (parent, role, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE repositories (
  id       INTEGER NOT NULL PRIMARY KEY,
  registry TEXT NOT NULL,                    -- localhost:5000; empty where the source does not say
  name     TEXT NOT NULL,                    -- library/busybox
  UNIQUE (registry, name)
) STRICT;

CREATE TABLE sources (
  id  INTEGER NOT NULL PRIMARY KEY,
  uri TEXT NOT NULL UNIQUE                   -- docker://localhost:5000, without credentials
) STRICT;

CREATE TABLE image_references (
  id         INTEGER NOT NULL PRIMARY KEY,
  repository INTEGER NOT NULL REFERENCES repositories,
  kind       TEXT NOT NULL CHECK (kind IN ('tag', 'digest', 'referrer')),
  tag        TEXT,
  manifest   INTEGER NOT NULL REFERENCES blobs,
  source     INTEGER NOT NULL REFERENCES sources,
  read_at    TEXT NOT NULL,                  -- RFC 3339, UTC: 2026-11-21T05:13:00Z
  UNIQUE (repository, tag),
  CHECK ((kind = 'tag') = (tag IS NOT NULL))
) STRICT;

CREATE TABLE absences (
  id        INTEGER NOT NULL PRIMARY KEY,
  blob      INTEGER REFERENCES blobs,
  reference TEXT,                            -- of an image that could not be resolved, so that it has no blob
  reason    TEXT NOT NULL,                   -- platform, foreign, or the kind of the error
  detail    TEXT NOT NULL,                   -- for people
  CHECK ((blob IS NULL) <> (reference IS NULL))
) STRICT;

CREATE TABLE disks (
  id            INTEGER NOT NULL PRIMARY KEY,
  name          TEXT NOT NULL UNIQUE,        -- web01
  server        TEXT NOT NULL,               -- empty: none is known
  position      INTEGER NOT NULL CHECK (position >= 0), -- among the disks of the server
  boots         INTEGER NOT NULL CHECK (boots IN (0, 1)),
  format        TEXT NOT NULL CHECK (format IN (
    'raw', 'vhd', 'vhd-fixed', 'vmdk', 'vmdk-sparse', 'vmdk-flat', 'vmdk-2gb')),
  size          INTEGER NOT NULL CHECK (size > 0 AND size % 512 = 0), -- bytes that the guest sees
  content       TEXT,                        -- disk-v1:...; NULL while the bundle is being made
  config        INTEGER REFERENCES files,
  source        TEXT NOT NULL,               -- disk:/dev/sda
  source_format TEXT NOT NULL CHECK (source_format IN ('raw', 'qcow2', 'vhd', 'vhdx', 'vmdk')),
  source_size   INTEGER NOT NULL CHECK (source_size BETWEEN 0 AND size),
  read_at       TEXT NOT NULL                -- RFC 3339, UTC
) STRICT;

CREATE TABLE disk_files (
  disk     INTEGER NOT NULL REFERENCES disks,
  position INTEGER NOT NULL CHECK (position >= 0), -- 0: the file to open
  file     INTEGER NOT NULL UNIQUE REFERENCES files,
  PRIMARY KEY (disk, position)
) STRICT, WITHOUT ROWID;

-- What could not be read at the source, and holds zeros here.
CREATE TABLE disk_zeroed (
  disk   INTEGER NOT NULL REFERENCES disks,
  offset INTEGER NOT NULL CHECK (offset >= 0), -- bytes, in the disk
  length INTEGER NOT NULL CHECK (length > 0),
  PRIMARY KEY (disk, offset)
) STRICT, WITHOUT ROWID;

CREATE INDEX edges_by_child ON edges (child);
CREATE INDEX references_by_manifest ON image_references (manifest);
CREATE INDEX absences_by_blob ON absences (blob);

-- Each reference by its full name.
CREATE VIEW reference_names (reference, manifest, name) AS
SELECT image_references.id, image_references.manifest,
       CASE registry WHEN '' THEN '' ELSE registry || '/' END || name ||
         CASE kind WHEN 'tag' THEN ':' || tag ELSE '@' || digest END
FROM image_references
JOIN repositories ON repositories.id = image_references.repository
JOIN blobs ON blobs.id = image_references.manifest;

-- Each referenced manifest with every blob that it consists of, itself included.
CREATE VIEW contents (manifest, blob) AS
WITH RECURSIVE reached (manifest, blob) AS (
  SELECT manifest, manifest FROM image_references
  UNION
  SELECT reached.manifest, edges.child
  FROM reached JOIN edges ON edges.parent = reached.blob
  WHERE edges.role <> 'subject')
SELECT manifest, blob FROM reached;

-- What is in here, where it came from and when it was read.
CREATE VIEW images (image, digest, kind, type, platforms, created, size, blobs, absent, source, read_at) AS
WITH totals (manifest, size, blobs, absent) AS (
  SELECT contents.manifest, sum(CASE presence WHEN 'present' THEN size ELSE 0 END), count(*),
         sum(presence <> 'present')
  FROM contents JOIN blobs ON blobs.id = contents.blob
  GROUP BY contents.manifest),
runs_on (manifest, platforms) AS (
  SELECT manifest, group_concat(name, ', ')
  FROM (SELECT DISTINCT contents.manifest, platforms.name
        FROM contents
        JOIN edges ON edges.parent = contents.blob AND edges.role = 'child'
        JOIN blobs ON blobs.id = edges.child AND blobs.presence = 'present'
        JOIN platforms ON platforms.id = edges.platform
        ORDER BY contents.manifest, platforms.name)
  GROUP BY manifest)
SELECT reference_names.name, digest, manifests.kind, media_types.name, platforms, created, totals.size,
       totals.blobs, totals.absent, uri, read_at
FROM image_references
JOIN reference_names ON reference_names.reference = image_references.id
JOIN sources ON sources.id = image_references.source
JOIN blobs ON blobs.id = image_references.manifest
JOIN totals ON totals.manifest = image_references.manifest
LEFT JOIN manifests ON manifests.blob = image_references.manifest
LEFT JOIN media_types ON media_types.id = coalesce(manifests.artifact_type, manifests.media_type)
LEFT JOIN runs_on ON runs_on.manifest = image_references.manifest;

-- Each image with its blobs, and where the bytes of each lie.
CREATE VIEW image_blobs (image, digest, size, presence, file, offset) AS
SELECT reference_names.name, digest, blobs.size, presence, path, offset
FROM reference_names
JOIN contents ON contents.manifest = reference_names.manifest
JOIN blobs ON blobs.id = contents.blob
LEFT JOIN locations ON locations.blob = blobs.id AND presence = 'present'
LEFT JOIN files ON files.id = locations.file;

-- What belongs to an image and is not in here, and why.
CREATE VIEW not_included (image, digest, size, presence, reason, detail) AS
SELECT reference_names.name, digest, size, presence, reason, detail
FROM blobs
JOIN contents ON contents.blob = blobs.id
JOIN reference_names ON reference_names.manifest = contents.manifest
LEFT JOIN absences ON absences.blob = blobs.id
WHERE presence <> 'present'
UNION ALL
SELECT reference, NULL, NULL, 'missing', reason, detail FROM absences WHERE blob IS NULL;

-- Signatures, SBOMs and the like, with the image that they are about or that holds what they are about.
CREATE VIEW attachments (image, subject, attached, attached_by, type, name) AS
WITH pairs (subject, attached, attached_by) AS (
  SELECT child, parent, 'subject' FROM edges WHERE role = 'subject'
  UNION
  SELECT blobs.id, image_references.manifest, 'tag'
  FROM image_references
  JOIN blobs ON blobs.digest = 'sha256:' || substr(tag, 8, 64)
  WHERE tag GLOB 'sha256-*')
SELECT reference_names.name, about.digest, attached.digest, attached_by, media_types.name, named.name
FROM pairs
JOIN blobs AS about ON about.id = pairs.subject
JOIN blobs AS attached ON attached.id = pairs.attached
JOIN contents ON contents.blob = pairs.subject
JOIN reference_names ON reference_names.manifest = contents.manifest
LEFT JOIN manifests ON manifests.blob = pairs.attached
LEFT JOIN media_types ON media_types.id = coalesce(manifests.artifact_type, manifests.media_type)
LEFT JOIN reference_names AS named ON named.manifest = pairs.attached;

-- Blobs of several images, and the bytes that storing them once saves.
CREATE VIEW shared_blobs (digest, size, images, copies, saved) AS
SELECT digest, size, images, copies, (images - copies) * size
FROM (SELECT digest, size, count(*) AS images,
             (SELECT count(*) FROM locations WHERE locations.blob = blobs.id) AS copies
      FROM contents JOIN blobs ON blobs.id = contents.blob
      WHERE presence = 'present'
      GROUP BY blobs.id)
WHERE images > 1;

-- Servers with their disks in order, where each lies and where it came from.
CREATE VIEW server_disks (
  server, position, boots, disk, format, size, content, file, stored, config, source, read_at, zeroed) AS
SELECT server, disks.position, boots, name, format, disks.size, content, main.path,
       (SELECT sum(files.size) FROM disk_files JOIN files ON files.id = disk_files.file
        WHERE disk_files.disk = disks.id),
       config.path, source, read_at,
       (SELECT coalesce(sum(length), 0) FROM disk_zeroed WHERE disk_zeroed.disk = disks.id)
FROM disks
LEFT JOIN disk_files ON disk_files.disk = disks.id AND disk_files.position = 0
LEFT JOIN files AS main ON main.id = disk_files.file
LEFT JOIN files AS config ON config.id = disks.config
ORDER BY server, disks.position;
