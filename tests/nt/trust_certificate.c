// trust_certificate add|remove FILE: puts a certificate (DER) among the authorities that this user trusts, or
// takes it from there.
#include <windows.h>

#include <stdio.h>
#include <string.h>
#include <wincrypt.h>

int main(int count, char** words) {
    static BYTE data[65536];
    FILE* file = count == 3 ? fopen(words[2], "rb") : NULL;
    const DWORD length = file ? (DWORD)fread(data, 1, sizeof data, file) : 0;
    const PCCERT_CONTEXT certificate = CertCreateCertificateContext(X509_ASN_ENCODING, data, length);
    const HCERTSTORE store =
        CertOpenStore(CERT_STORE_PROV_SYSTEM_W, 0, 0, CERT_SYSTEM_STORE_CURRENT_USER, L"Root");
    if (!certificate || !store)
        return 2;
    if (strcmp(words[1], "add") == 0)
        return !CertAddCertificateContextToStore(store, certificate, CERT_STORE_ADD_REPLACE_EXISTING, NULL) ||
               !CertCloseStore(store, 0);
    const PCCERT_CONTEXT found =
        CertFindCertificateInStore(store, X509_ASN_ENCODING, 0, CERT_FIND_EXISTING, certificate, NULL);
    return !found || !CertDeleteCertificateFromStore(found) || !CertCloseStore(store, 0);
}
