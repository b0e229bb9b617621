"""What the owner of images and jobs does with them: share and erase."""
