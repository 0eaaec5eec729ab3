# cmake --install: the programs (src/exporter, src/importer), libseabag with its headers and CMake package, and the
# manual pages and the format's specification.
include(CMakePackageConfigHelpers)

install(TARGETS seabag EXPORT SeabagTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/seabag DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT SeabagTargets NAMESPACE Seabag:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/Seabag)
configure_package_config_file(cmake/SeabagConfig.cmake.in ${PROJECT_BINARY_DIR}/SeabagConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/Seabag)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/SeabagConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/SeabagConfig.cmake ${PROJECT_BINARY_DIR}/SeabagConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/Seabag)

install(FILES docs/man/seabag-export.1 docs/man/seabag-import.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY format-spec DESTINATION ${CMAKE_INSTALL_DOCDIR})
