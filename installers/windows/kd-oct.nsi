; The Windows setup: for one user, without an administrator. Compile on Windows, or on Debian to try:
;   makensis -DVERSION=1.2.3 -DBUNDLE=dist/kd-oct -DOUT=dist/kd-oct-1.2.3-windows-setup.exe kd-oct.nsi
; Options and the silent mode: installers/README.md.

Unicode true
SetCompressor /SOLID lzma
!include MUI2.nsh
!include FileFunc.nsh
!include LogicLib.nsh
!include x64.nsh

!ifndef VERSION | BUNDLE | OUT
  !error "VERSION, BUNDLE and OUT must be given: see the head of this file."
!endif
!ifndef ICON
  !define ICON "..\..\build\icons\kd-oct.ico"
!endif

!define NAME "KD-OCT"
!define CLASSES "Software\Classes"
!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\KD-OCT"
!define DATA "$LOCALAPPDATA\KD-OCT"          ; cases, added models, logs: app/paths.py
!define SETTINGS "$APPDATA\KD-OCT"

Name "${NAME}"
OutFile "${OUT}"
InstallDir "$LOCALAPPDATA\Programs\KD-OCT"
InstallDirRegKey HKCU "${UNINSTALL}" "InstallLocation"
RequestExecutionLevel user
BrandingText "Research use only. Not for diagnosis without a qualified reader."

VIProductVersion "${NUMBERS}"
VIAddVersionKey "ProductName" "${NAME}"
VIAddVersionKey "ProductVersion" "${VERSION}"
VIAddVersionKey "FileDescription" "${NAME} setup"
VIAddVersionKey "FileVersion" "${VERSION}"
VIAddVersionKey "LegalCopyright" "MIT licence. Research use only."

; KD_OCT_SIGN is a command that signs the file named after it; make.ps1 sets these.
!ifdef SIGN
  !finalize '${SIGN} "%1"' = 0
  !uninstfinalize '${SIGN} "%1"' = 0
!endif

!define MUI_ICON "${ICON}"
!define MUI_UNICON "${ICON}"
!define MUI_ABORTWARNING
!define MUI_FINISHPAGE_RUN "$INSTDIR\kd-oct.exe"
!define MUI_COMPONENTSPAGE_NODESC
!insertmacro MUI_PAGE_WELCOME
!insertmacro MUI_PAGE_LICENSE "..\..\LICENSE"
!define MUI_PAGE_CUSTOMFUNCTION_LEAVE RequireOwnFolder
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_COMPONENTS
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"
!insertmacro MUI_LANGUAGE "Farsi"
!insertmacro GetParameters
!insertmacro GetOptions

Function .onInit
  ${IfNot} ${RunningX64}
    MessageBox MB_ICONSTOP|MB_OK "KD-OCT needs a 64-bit Windows." /SD IDOK
    SetErrorLevel 3
    Abort
  ${EndIf}
  ${If} ${Silent}
    Call RequireOwnFolder
  ${EndIf}
  Call CloseIfRunning
FunctionEnd

; Upgrading and removing take all of lib away, so a folder that holds other things is not made ours.
Function RequireOwnFolder
  ${DirState} "$INSTDIR" $0
  ${If} $0 = 1
  ${AndIfNot} ${FileExists} "$INSTDIR\kd-oct.exe"
    MessageBox MB_ICONSTOP|MB_OK \
      "$INSTDIR holds other things. Choose an empty folder, or the one that KD-OCT is in." /SD IDOK
    ${If} ${Silent}
      SetErrorLevel 5
    ${EndIf}
    Abort
  ${EndIf}
FunctionEnd

; A program file that is in use cannot be replaced: say so before half of them are.
!macro CLOSE_IF_RUNNING UN
Function ${UN}CloseIfRunning
  again:
  ClearErrors
  IfFileExists "$INSTDIR\kd-oct.exe" 0 free
  FileOpen $0 "$INSTDIR\kd-oct.exe" a
  IfErrors 0 closed
  MessageBox MB_ICONEXCLAMATION|MB_RETRYCANCEL \
    "KD-OCT is open. Close its window, then try again." /SD IDCANCEL IDRETRY again
  SetErrorLevel 4
  Abort
  closed:
  FileClose $0
  free:
FunctionEnd
!macroend
!insertmacro CLOSE_IF_RUNNING ""
!insertmacro CLOSE_IF_RUNNING "un."

!macro ASSOCIATE SUFFIX KIND TITLE
  WriteRegStr HKCU "${CLASSES}\${KIND}" "" "${TITLE}"
  WriteRegStr HKCU "${CLASSES}\${KIND}\DefaultIcon" "" "$INSTDIR\kd-oct.exe,0"
  WriteRegStr HKCU "${CLASSES}\${KIND}\shell\open\command" "" '"$INSTDIR\kd-oct.exe" "%1"'
  WriteRegStr HKCU "${CLASSES}\${SUFFIX}\OpenWithProgids" "${KIND}" ""
!macroend

Section "-${NAME}"
  SetOutPath "$INSTDIR"
  ; First, so that a folder in which setup was stopped half-way is known for ours.
  File "${BUNDLE}/kd-oct.exe"
  ; Files of the version before that this one no longer has must not be found by it.
  RMDir /r "$INSTDIR\lib"
  File /r /x kd-oct.exe "${BUNDLE}/*"
  WriteUninstaller "$INSTDIR\uninstall.exe"

  CreateShortCut "$SMPROGRAMS\KD-OCT.lnk" "$INSTDIR\kd-oct.exe"

  ; Offered under "Open with"; only our own kind of file is taken over.
  !insertmacro ASSOCIATE ".dcm" "KD-OCT.dicom" "DICOM image"
  !insertmacro ASSOCIATE ".vol" "KD-OCT.vol" "Heidelberg OCT volume"
  !insertmacro ASSOCIATE ".kdoct" "KD-OCT.model" "KD-OCT model"
  WriteRegStr HKCU "${CLASSES}\.kdoct" "" "KD-OCT.model"
  WriteRegStr HKCU "${CLASSES}\Applications\kd-oct.exe\shell\open\command" "" '"$INSTDIR\kd-oct.exe" "%1"'
  WriteRegStr HKCU "${CLASSES}\Directory\shell\KD-OCT" "" "Open with KD-OCT"
  WriteRegStr HKCU "${CLASSES}\Directory\shell\KD-OCT" "Icon" "$INSTDIR\kd-oct.exe,0"
  WriteRegStr HKCU "${CLASSES}\Directory\shell\KD-OCT\command" "" '"$INSTDIR\kd-oct.exe" "%1"'
  WriteRegStr HKCU "Software\Microsoft\Windows\CurrentVersion\App Paths\kd-oct.exe" "" "$INSTDIR\kd-oct.exe"

  WriteRegStr HKCU "${UNINSTALL}" "DisplayName" "${NAME}"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayIcon" "$INSTDIR\kd-oct.exe,0"
  WriteRegStr HKCU "${UNINSTALL}" "Publisher" "KD-OCT developers"
  WriteRegStr HKCU "${UNINSTALL}" "InstallLocation" "$INSTDIR"
  WriteRegStr HKCU "${UNINSTALL}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegStr HKCU "${UNINSTALL}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
  WriteRegDWORD HKCU "${UNINSTALL}" "NoModify" 1
  WriteRegDWORD HKCU "${UNINSTALL}" "NoRepair" 1
  ${GetSize} "$INSTDIR" "/S=0K" $0 $1 $2
  IntFmt $0 "0x%08X" $0
  WriteRegDWORD HKCU "${UNINSTALL}" "EstimatedSize" "$0"
  System::Call 'shell32::SHChangeNotify(i 0x08000000, i 0, p 0, p 0)'
SectionEnd

Section "un.Remove the program" PROGRAM
  SectionIn RO
  RMDir /r "$INSTDIR\lib"
  Delete "$INSTDIR\kd-oct.exe"
  Delete "$INSTDIR\kd-oct-cli.exe"
  Delete "$INSTDIR\uninstall.exe"
  ; Not with /r: a folder that somebody keeps other things in stays.
  RMDir "$INSTDIR"
  Delete "$SMPROGRAMS\KD-OCT.lnk"
  DeleteRegKey HKCU "${CLASSES}\KD-OCT.dicom"
  DeleteRegKey HKCU "${CLASSES}\KD-OCT.vol"
  DeleteRegKey HKCU "${CLASSES}\KD-OCT.model"
  DeleteRegKey HKCU "${CLASSES}\.kdoct"
  DeleteRegValue HKCU "${CLASSES}\.dcm\OpenWithProgids" "KD-OCT.dicom"
  DeleteRegValue HKCU "${CLASSES}\.vol\OpenWithProgids" "KD-OCT.vol"
  DeleteRegKey HKCU "${CLASSES}\Applications\kd-oct.exe"
  DeleteRegKey HKCU "${CLASSES}\Directory\shell\KD-OCT"
  DeleteRegKey HKCU "Software\Microsoft\Windows\CurrentVersion\App Paths\kd-oct.exe"
  DeleteRegKey HKCU "${UNINSTALL}"
  System::Call 'shell32::SHChangeNotify(i 0x08000000, i 0, p 0, p 0)'
SectionEnd

; Not chosen unless somebody does, or says /REMOVECASES: cases are patients' records.
Section /o "un.Remove all my cases, results and settings" CASES
  RMDir /r "${DATA}"
  RMDir /r "${SETTINGS}"
SectionEnd

Function un.onInit
  Call un.CloseIfRunning
  ${GetParameters} $0
  ClearErrors
  ${GetOptions} $0 "/REMOVECASES" $1
  ${IfNot} ${Errors}
    SectionSetFlags ${CASES} 1
  ${EndIf}
FunctionEnd
