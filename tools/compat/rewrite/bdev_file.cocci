// SPDX-License-Identifier: GPL-2.0-only
// Files: drivers/nvme/target/p2pmem-test.c tools/testing/p2pmem/tool/who.c
//
// A self-test keeps the drive open by opening it once more. Where that fails nobody says which
// namespace it is, and the test says so.

@ member @
@@
  struct nvmet_p2pmem_test {
  ...
- struct file *bdev_file;
+ struct block_device *bdev_file;
  ...
  };

@ keep @
expression t, ns;
@@
- t->bdev_file = get_file(ns->bdev_file);
+ t->bdev_file = blkdev_get_by_dev(ns->bdev->bd_dev, FMODE_READ, NULL);
+ if (IS_ERR(t->bdev_file))
+ 	t->bdev_file = NULL;

@ drop @
expression t;
@@
- fput(t->bdev_file);
+ if (t->bdev_file)
+ 	blkdev_put(t->bdev_file, FMODE_READ);

@ use @
expression t;
@@
- file_bdev(t->bdev_file)
+ t->bdev_file

@ open @
identifier f;
expression path;
@@
- struct file *f;
+ struct block_device *f;
  <...
- f = bdev_file_open_by_path(path, BLK_OPEN_READ, NULL, NULL);
+ f = blkdev_get_by_path(path, FMODE_READ, NULL);
  ...>

@ opened @
identifier open.f;
@@
- file_bdev(f)
+ f

@ close @
identifier open.f;
@@
- fput(f);
+ blkdev_put(f, FMODE_READ);
