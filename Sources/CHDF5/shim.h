#pragma once
#include <hdf5.h>

// Macros that Swift cannot import, as functions.

static inline hid_t hdf5_type_float(void) { return H5T_NATIVE_FLOAT; }
static inline hid_t hdf5_type_double(void) { return H5T_NATIVE_DOUBLE; }
static inline hid_t hdf5_type_int32(void) { return H5T_NATIVE_INT32; }
static inline hid_t hdf5_type_int64(void) { return H5T_NATIVE_INT64; }
static inline hid_t hdf5_type_uint8(void) { return H5T_NATIVE_UINT8; }
static inline hid_t hdf5_type_uint64(void) { return H5T_NATIVE_UINT64; }
static inline hid_t hdf5_type_string(void) { return H5T_C_S1; }
static inline size_t hdf5_size_variable(void) { return H5T_VARIABLE; }
static inline hid_t hdf5_class_dataset_create(void) { return H5P_DATASET_CREATE; }
static inline hid_t hdf5_class_dataset_access(void) { return H5P_DATASET_ACCESS; }
static inline hid_t hdf5_class_file_create(void) { return H5P_FILE_CREATE; }
static inline hid_t hdf5_class_file_access(void) { return H5P_FILE_ACCESS; }
static inline hid_t hdf5_class_group_create(void) { return H5P_GROUP_CREATE; }
static inline hsize_t hdf5_unlimited(void) { return H5S_UNLIMITED; }
static inline unsigned hdf5_access_read_only(void) { return H5F_ACC_RDONLY; }
static inline unsigned hdf5_access_truncate(void) { return H5F_ACC_TRUNC; }
