// What the gcc row compiles; about the size of a small file of a real program.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct word {
    struct word* next;
    unsigned long count;
    char text[];
};

static struct word* table[1024];

static unsigned long hash(const char* text) {
    unsigned long value = 5381;
    for (; *text; text++) value = value * 33 + (unsigned char)*text;
    return value;
}

static void count_word(const char* text) {
    struct word** at = &table[hash(text) % 1024];
    for (; *at; at = &(*at)->next) {
        if (strcmp((*at)->text, text) == 0) {
            (*at)->count++;
            return;
        }
    }
    struct word* added = calloc(1, sizeof *added + strlen(text) + 1);
    if (!added) abort();
    strcpy(added->text, text);
    added->count = 1;
    *at = added;
}

static int by_count(const void* left, const void* right) {
    const struct word *a = *(struct word* const*)left, *b = *(struct word* const*)right;
    return a->count < b->count ? 1 : a->count > b->count ? -1 : strcmp(a->text, b->text);
}

int main(void) {
    char text[256];
    size_t length = 0, words = 0;
    for (int c; (c = getchar()) != EOF;) {
        if (isalpha(c) && length < sizeof text - 1) {
            text[length++] = (char)tolower(c);
        } else if (length) {
            text[length] = 0;
            count_word(text);
            length = 0;
        }
    }
    for (int i = 0; i < 1024; i++)
        for (struct word* w = table[i]; w; w = w->next) words++;
    struct word** sorted = malloc((words + 1) * sizeof *sorted);
    if (!sorted) abort();
    size_t at = 0;
    for (int i = 0; i < 1024; i++)
        for (struct word* w = table[i]; w; w = w->next) sorted[at++] = w;
    qsort(sorted, words, sizeof *sorted, by_count);
    for (size_t i = 0; i < words && i < 10; i++) printf("%8lu %s\n", sorted[i]->count, sorted[i]->text);
    return 0;
}
