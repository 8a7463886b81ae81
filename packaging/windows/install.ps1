<#
.SYNOPSIS
Installs lxss for the current user, from the folder that its zip was unpacked to.

.DESCRIPTION
Copies the programs to %LOCALAPPDATA%\Programs\lxss and adds the folder of lxss.exe to the user's PATH. Needs no administrator.
Instances and settings lie elsewhere (%LOCALAPPDATA%\lxss) and are never touched.

.PARAMETER Destination
Another folder for the programs.

.PARAMETER Uninstall
Removes the programs and the PATH entry again.
#>
[CmdletBinding()]
param(
    [string]$Destination = (Join-Path $env:LOCALAPPDATA 'Programs\lxss'),
    [switch]$Uninstall
)
$ErrorActionPreference = 'Stop'
Set-StrictMode -Version 2.0

$source = $PSScriptRoot
$parts = 'bin', 'libexec', 'share', 'doc'
$programs = Join-Path $Destination 'bin'

function Get-PathWithout([string]$folder) {
    $path = [Environment]::GetEnvironmentVariable('Path', 'User')
    if (-not $path) { return @() }
    return @($path -split ';' | Where-Object { $_ -and ($_.TrimEnd('\') -ne $folder.TrimEnd('\')) })
}

function Stop-Manager {
    $lxss = Join-Path $programs 'lxss.exe'
    if (Test-Path -LiteralPath $lxss) {
        & $lxss --shutdown
        if ($LASTEXITCODE -ne 0) { throw "lxss --shutdown failed with code $LASTEXITCODE; end what runs in its instances first" }
    }
}

if (-not $Uninstall) {
    foreach ($part in $parts) {
        if (-not (Test-Path -LiteralPath (Join-Path $source $part))) { throw "$source has no folder '$part': unpack all of the zip" }
    }
    if (-not [Environment]::Is64BitOperatingSystem) { throw 'lxss needs a 64-bit Windows on an x86-64 processor' }
    if ([Environment]::OSVersion.Version.Major -lt 10) { throw 'lxss needs Windows 10 or later' }
}

Stop-Manager
foreach ($part in $parts) {
    $folder = Join-Path $Destination $part
    if (Test-Path -LiteralPath $folder) { Remove-Item -LiteralPath $folder -Recurse -Force }
}
if ($Uninstall) {
    [Environment]::SetEnvironmentVariable('Path', ((Get-PathWithout $programs) -join ';'), 'User')
    if ((Test-Path -LiteralPath $Destination) -and -not (Get-ChildItem -LiteralPath $Destination -Force)) {
        Remove-Item -LiteralPath $Destination
    }
    Write-Output "lxss is removed from $Destination. Instances are kept: $(Join-Path $env:LOCALAPPDATA 'lxss')"
    return
}

New-Item -ItemType Directory -Force -Path $Destination | Out-Null
foreach ($part in $parts) { Copy-Item -LiteralPath (Join-Path $source $part) -Destination $Destination -Recurse }
# Downloaded files are marked; programs with the mark ask before each start.
Get-ChildItem -LiteralPath $Destination -Recurse -File | Unblock-File
[Environment]::SetEnvironmentVariable('Path', ((@(Get-PathWithout $programs) + $programs) -join ';'), 'User')

$version = & (Join-Path $programs 'lxss.exe') --version
if ($LASTEXITCODE -ne 0) { throw "lxss.exe does not run here: code $LASTEXITCODE" }
Write-Output "$version is installed in $Destination; new consoles find 'lxss'."
